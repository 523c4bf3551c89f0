"""Report documents: reports in parts (figures, pictures, tables) that pages, paper and workbooks share."""
