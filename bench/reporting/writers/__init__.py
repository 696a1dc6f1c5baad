"""Writers of tables: a file for each form."""
