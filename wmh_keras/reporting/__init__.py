"""What a person looks at: pictures, pages, curves, tables."""
