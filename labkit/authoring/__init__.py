"""What course authors use: build notebooks from their sources, check the rules, prove exercises.

It needs the development environment (jupytext and nbgrader); learners do not have it.
"""
