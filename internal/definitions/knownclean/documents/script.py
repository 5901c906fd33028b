"""Sum the tons of each cargo."""
import csv
import sys

totals = {}
for row in csv.DictReader(sys.stdin):
    totals[row["cargo"]] = totals.get(row["cargo"], 0) + int(row["tons"])
print(totals)
