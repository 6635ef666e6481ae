"""What changes on the engine, as values that are kept up to date by its own streams."""
