"""Read-outs: a report in parts (figures, pictures, tables) that a page, a sheet of paper and a workbook share."""
