# Lists large files.
param([string]$Folder = '.', [int]$AtLeast = 10MB)
Get-ChildItem -Path $Folder -Recurse -File |
  Where-Object Length -gt $AtLeast |
  Sort-Object Length -Descending |
  Select-Object FullName, Length |
  Export-Csv large.csv -NoTypeInformation
