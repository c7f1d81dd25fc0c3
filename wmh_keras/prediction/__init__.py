"""What prediction writes: the files of each scan, the table, the page.

Stands above `inference` (arrays) and `reporting` (pictures): it knows files,
settings and what is already done.
"""
