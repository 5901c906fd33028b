@echo off
rem Copies the report to the archive.
if not exist archive mkdir archive
copy /y report.docx archive\report.docx >nul
if errorlevel 1 echo It could not be copied.
