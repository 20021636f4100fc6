"""One test or more for each of the 72 rows that the project was asked for."""
