"""Checks that only the grader runs: one module for each chapter that has any.

A hidden check doubts a visible one: it looks for what earns the points without doing the task. The
course works without this folder, so whoever hands the course out may keep it back.
"""
