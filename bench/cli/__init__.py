"""The command line. What a verb needs is imported when the verb runs, so that help is instant."""
