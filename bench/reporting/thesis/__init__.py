"""The nine tables of the thesis, from whatever trials exist, beside what was published."""
