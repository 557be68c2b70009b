"""Does anything personal lie where it should not? Every personal field of a played practice is a word that occurs nowhere else."""
