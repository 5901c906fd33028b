' Writes the names of a folder's files into a list.
Set fso = CreateObject("Scripting.FileSystemObject")
Set list = fso.CreateTextFile("list.txt", True)
For Each f In fso.GetFolder(".").Files
  list.WriteLine f.Name
Next
list.Close
