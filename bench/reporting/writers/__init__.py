"""Writers of tables: LaTeX, Markdown, CSV and HTML."""
