"""QTI 2.1 and 3.0, the format of questions of 1EdTech."""
