"""The dashboard's face: a web page by NiceGUI, behind a guard."""
