"""Models for other programs: exported files, and asking a server for masks.

Importing this imports no framework.
"""
