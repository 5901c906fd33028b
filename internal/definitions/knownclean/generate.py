"""Write the documents of the known-clean set, in documents/.

The text and the pictures are this script's own. The libraries give the files the structure that real programs give
them; README.md in documents/ names what of theirs is in which file, and its licence. To write them again:

    python3 -m venv v
    v/bin/pip install python-docx==1.2.0 openpyxl==3.1.5 python-pptx==1.0.2 odfpy==1.4.1 xlwt==1.3.0 \
        reportlab==5.1.0 pillow==13.0.0 py7zr==1.1.4
    v/bin/python generate.py documents
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import math
import mailbox
import random
import struct
import sys
import tarfile
import wave
import zipfile
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
import pptx
import py7zr
import xlwt
from docx.shared import Inches
from odf import opendocument, table, text
from openpyxl.chart import BarChart, Reference
from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

OUT = Path(sys.argv[1])
RANDOM = random.Random(13)
YEAR = (2026, 11, 28, 12, 0, 0)

WORDS = (
    "the harbour office counts every ship that arrives and asks each captain for a list of the cargo before a pilot "
    "comes on board so that goods which must wait are kept apart from goods which may be sold on the same day"
).split()


def paragraph(words=60):
    chosen = [RANDOM.choice(WORDS) for _ in range(words)]
    return " ".join(chosen).capitalize() + "."


PARAGRAPHS = [paragraph() for _ in range(12)]
CARGOES = ["salt", "timber", "wool"]
ROWS = [["date", "ship", "cargo", "tons", "price"]] + [
    [f"2026-11-{day:02}", f"Ship {day}", RANDOM.choice(CARGOES), RANDOM.randrange(10, 900), day * 12.5]
    for day in range(1, 29)
]


def write(name, content):
    (OUT / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def picture():
    """A photograph's worth of detail: a gradient, shapes, and noise."""
    image = Image.new("RGB", (320, 200))
    for x in range(320):
        for y in range(200):
            noise = RANDOM.randrange(12)
            image.putpixel((x, y), ((x * 200 // 320) + noise, (y * 220 // 200) + noise, 120 + noise))
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 40, 160, 160), fill=(240, 240, 200), outline=(20, 20, 20))
    draw.text((180, 90), "harbour", fill=(255, 255, 255))
    return image


PICTURE = picture()


def pictures():
    exif = Image.Exif()
    exif[0x010E] = "A harbour"
    exif[0x0132] = "2026:11:28 12:00:00"
    PICTURE.save(OUT / "photo.jpg", quality=80, exif=exif)
    PICTURE.resize((160, 100)).save(OUT / "photo.png")
    PICTURE.quantize(32).resize((120, 75)).save(OUT / "picture.gif")
    PICTURE.resize((100, 60)).save(OUT / "scan.tiff", compression="tiff_lzw")
    PICTURE.save(OUT / "photo.webp", quality=60)
    PICTURE.resize((48, 48)).save(OUT / "picture.bmp")
    PICTURE.resize((64, 64)).save(OUT / "favicon.ico")
    write(
        "drawing.svg",
        '<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">\n'
        '  <style>text { font-family: sans-serif; fill: navy }</style>\n'
        '  <path d="M10 90 C 40 10, 65 10, 95 80 S 150 150, 180 80" stroke="black" fill="none"/>\n'
        '  <text x="20" y="40">harbour</text>\n</svg>\n',
    )


def pdf(name):
    c = canvas.Canvas(str(OUT / name), pagesize=A4, invariant=1)
    c.setTitle("A report")
    c.bookmarkPage("first")
    c.addOutlineEntry("A report", "first")
    for page in range(3):
        lines = c.beginText(72, 760)
        lines.setFont("Helvetica", 10)
        for p in PARAGRAPHS[page * 4 : page * 4 + 4]:
            for i in range(0, len(p), 90):
                lines.textLine(p[i : i + 90])
            lines.textLine("")
        c.drawText(lines)
        if page == 0:
            c.drawImage(str(OUT / "photo.jpg"), 72, 100, 240, 150)
            c.linkURL("https://example.com/", (72, 80, 200, 95))
        c.showPage()
    form = c.acroForm
    form.textfield(name="captain", x=72, y=700, width=200, height=20)
    form.checkbox(name="cleared", x=72, y=660)
    c.showPage()
    c.save()


def office():
    d = docx.Document()
    d.add_heading("A report", 0)
    for p in PARAGRAPHS:
        d.add_paragraph(p)
    t = d.add_table(rows=0, cols=5)
    for row in ROWS:
        for cell, value in zip(t.add_row().cells, row):
            cell.text = str(value)
    d.add_picture(str(OUT / "photo.jpg"), width=Inches(3))
    d.save(OUT / "report.docx")

    book = openpyxl.Workbook()
    sheet = book.active
    for row in ROWS:
        sheet.append(row)
    sheet["F1"] = "total"
    sheet["F2"] = "=SUM(D2:D29)"
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=4, min_row=1, max_row=29), titles_from_data=True)
    sheet.add_chart(chart, "H2")
    book.save(OUT / "table.xlsx")

    old = xlwt.Workbook()
    oldsheet = old.add_sheet("cargo")
    for y, row in enumerate(ROWS):
        for x, value in enumerate(row):
            oldsheet.write(y, x, value)
    oldsheet.write(0, 5, xlwt.Formula("SUM(D2:D29)"))
    old.save(str(OUT / "table.xls"))

    show = pptx.Presentation()
    for p in PARAGRAPHS[:4]:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = p.split(".")[0][:30]
        slide.placeholders[1].text = p
    slide.shapes.add_picture(str(OUT / "photo.png"), 0, 0)
    show.save(OUT / "slides.pptx")

    odt = opendocument.OpenDocumentText()
    for p in PARAGRAPHS:
        odt.text.addElement(text.P(text=p))
    odt.save(str(OUT / "report.odt"))
    ods = opendocument.OpenDocumentSpreadsheet()
    cells = table.Table(name="cargo")
    for row in ROWS:
        line = table.TableRow()
        for value in row:
            cell = table.TableCell(valuetype="string")
            cell.addElement(text.P(text=str(value)))
            line.addElement(cell)
        cells.addElement(line)
    ods.spreadsheet.addElement(cells)
    ods.save(str(OUT / "table.ods"))

    write(
        "letter.rtf",
        "{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Times New Roman;}}{\\info{\\title A letter}}\\f0\\fs24\n"
        + "\\par\n".join(PARAGRAPHS)
        + "\\par\n}\n",
    )


HTML = (
    "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<title>A report</title>\n"
    "<style>body { max-width: 40em } td { padding: 2px }</style>\n</head>\n<body>\n<h1>A report</h1>\n"
    + "".join(f"<p>{p}</p>\n" for p in PARAGRAPHS)
    + "<table>"
    + "".join("<tr>" + "".join(f"<td>{v}</td>" for v in row) + "</tr>\n" for row in ROWS)
    + '</table>\n<form action="https://example.com/search"><input name=q><button>Search</button></form>\n'
    '<a href="https://example.com/report?id=7">more</a>\n<script>\n'
    "for (const cell of document.querySelectorAll('td'))\n"
    "  cell.addEventListener('click', () => cell.classList.toggle('on'));\n"
    "</script>\n</body>\n</html>\n"
)

SCRIPTS = {
    "script.js": "'use strict';\nconst rows = [];\nfetch('/cargo.json').then(r => r.json()).then(cargo => {\n"
    "  for (const [ship, tons] of Object.entries(cargo)) rows.push(`${ship}: ${tons}`);\n"
    "  console.log(rows.join('\\n'));\n});\n",
    "script.py": '"""Sum the tons of each cargo."""\nimport csv\nimport sys\n\ntotals = {}\n'
    "for row in csv.DictReader(sys.stdin):\n"
    '    totals[row["cargo"]] = totals.get(row["cargo"], 0) + int(row["tons"])\nprint(totals)\n',
    "script.sh": "#!/bin/sh\n# Copies yesterday's lists away.\nset -eu\nfor list in lists/*.csv; do\n"
    '  [ -s "$list" ] && cp -p -- "$list" "archive/$(basename "$list")"\ndone\necho done\n',
    "script.ps1": "# Lists large files.\nparam([string]$Folder = '.', [int]$AtLeast = 10MB)\n"
    "Get-ChildItem -Path $Folder -Recurse -File |\n  Where-Object Length -gt $AtLeast |\n"
    "  Sort-Object Length -Descending |\n"
    "  Select-Object FullName, Length |\n  Export-Csv large.csv -NoTypeInformation\n",
    "script.bat": "@echo off\r\nrem Copies the report to the archive.\r\nif not exist archive mkdir archive\r\n"
    "copy /y report.docx archive\\report.docx >nul\r\nif errorlevel 1 echo It could not be copied.\r\n",
    "script.vbs": "' Writes the names of a folder's files into a list.\r\n"
    "Set fso = CreateObject(\"Scripting.FileSystemObject\")\r\n"
    'Set list = fso.CreateTextFile("list.txt", True)\r\nFor Each f In fso.GetFolder(".").Files\r\n'
    "  list.WriteLine f.Name\r\nNext\r\nlist.Close\r\n",
    "script.php": "<?php\n$rows = array_map('str_getcsv', file('cargo.csv'));\n"
    "foreach ($rows as $row) {\n    echo htmlspecialchars(implode(', ', $row)), \"<br>\\n\";\n}\n",
    "query.sql": "CREATE TABLE cargo (day date, ship text, cargo text, tons integer, price numeric);\n"
    + "".join(f"INSERT INTO cargo VALUES ('{a}', '{b}', '{c}', {d}, {e});\n" for a, b, c, d, e in ROWS[1:]),
}


def texts():
    write("page.html", HTML)
    for name, content in SCRIPTS.items():
        write(name, content)
    lines = io.StringIO()
    csv.writer(lines).writerows(ROWS)
    write("table.csv", lines.getvalue())
    write("table.json", json.dumps([dict(zip(ROWS[0], row)) for row in ROWS[1:]], indent=1))
    write(
        "table.xml",
        '<?xml version="1.0"?>\n<cargo>\n'
        + "".join(
            f'  <ship day="{a}" name="{b}"><load>{c}</load><tons>{d}</tons></ship>\n'
            for a, b, c, d, _ in ROWS[1:]
        )
        + "</cargo>\n",
    )
    write("notes.txt", "\n\n".join(PARAGRAPHS) + "\n")
    write("notes-utf16.txt", ("\ufeff" + "\r\n".join(PARAGRAPHS)).encode("utf-16-le"))
    write("notes.md", "# A report\n\n" + "\n\n".join(f"* {p}" for p in PARAGRAPHS) + "\n")
    write(
        "meeting.ics",
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:1@example.com\r\n"
        "DTSTAMP:20261128T120000Z\r\nDTSTART:20261201T090000Z\r\nSUMMARY:Harbour office\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n",
    )
    write(
        "person.vcf",
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Example\r\nN:Example;Ada;;;\r\nEMAIL:ada@example.com\r\nEND:VCARD\r\n",
    )


def mail():
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = "Ada Example <ada@example.com>", "office@example.com", "The report of November"
    m["Date"], m["Message-ID"] = "Sat, 28 Nov 2026 12:00:00 +0000", "<1@example.com>"
    m.set_content("\n\n".join(PARAGRAPHS[:3]))
    m.add_alternative(HTML, subtype="html")
    attached = {"report.pdf": "application/pdf", "photo.jpg": "image/jpeg", "table.xlsx": "application/octet-stream"}
    for name, kind in attached.items():
        m.add_attachment((OUT / name).read_bytes(), *kind.split("/"), filename=name)
    m.set_boundary("=_known_clean_1")
    for part in m.iter_parts():
        if part.is_multipart():
            part.set_boundary("=_known_clean_2")
    write("message.eml", m.as_bytes())
    box = mailbox.mbox(OUT / "messages.mbox")
    for n in range(3):
        short = EmailMessage()
        short["From"], short["To"], short["Subject"] = "ada@example.com", "office@example.com", f"Ship {n}"
        short.set_content(PARAGRAPHS[n])
        message = mailbox.mboxMessage(short)
        message.set_from("ada@example.com", (2026, 11, 28, 12, 0, 0, 5, 332, 0))
        box.add(message)
    box.close()


def zipped(members):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in members.items():
            z.writestr(zipfile.ZipInfo(name, YEAR), content, zipfile.ZIP_DEFLATED)
    return b.getvalue()


def archives():
    names = ("notes.txt", "table.csv", "photo.png", "page.html", "table.xls")
    members = {name: (OUT / name).read_bytes() for name in names}
    inner = zipped(members)
    write("archive.zip", zipped({**members, "inner.zip": inner}))
    with py7zr.SevenZipFile(OUT / "archive.7z", "w") as z:
        for name in members:
            z.write(OUT / name, name)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as t:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1795867200
            t.addfile(info, io.BytesIO(content))
    write("archive.tar.gz", gzip.compress(tar.getvalue(), mtime=0))
    write("archive.tar.bz2", bz2.compress(tar.getvalue()))
    write("archive.tar.xz", lzma.compress(tar.getvalue()))
    manifest = "Manifest-Version: 1.0\r\nCreated-By: example\r\n\r\n"
    properties = "ship=Ship\ncargo=Cargo\n"
    write("library.jar", zipped({"META-INF/MANIFEST.MF": manifest, "example/messages.properties": properties}))


def sound():
    with wave.open(str(OUT / "tone.wav"), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(8000)
        for i in range(4000):
            w.writeframesraw(struct.pack("<h", int(9000 * math.sin(i / 6))))


def program():
    """A 64-bit Windows program that only ends itself: ExitProcess(0), after Microsoft's "PE Format"."""
    headers, align, base = 0x200, 0x200, 0x140000000
    code = bytes.fromhex("4883ec28 31c9 ff15") + struct.pack("<i", 0x2000 - (0x1000 + 12)) + b"\xcc"
    names = struct.pack("<QQ", 0x2048, 0)  # what the loader replaces by the address
    lookup = struct.pack("<QQ", 0x2048, 0)
    directory = struct.pack("<IIIII", 0x2010, 0, 0, 0x2058, 0x2000) + bytes(20)
    data = names + lookup + directory + struct.pack("<H", 0) + b"ExitProcess\0\0\0" + b"KERNEL32.dll\0"
    info = ("A program that does nothing\0").encode("utf-16-le") * 20
    sections = [
        (b".text", 0x1000, code, 0x60000020),
        (b".rdata", 0x2000, data, 0xC0000040),
        (b".data", 0x3000, info, 0xC0000040),
    ]
    b = bytearray(b"MZ" + bytes(58) + struct.pack("<I", 0x40))
    b += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0x6929C0C0, 0, 0, 0xF0, 0x22)
    b += struct.pack("<HBBIIIII", 0x20B, 14, 0, align, 2 * align, 0, 0x1000, 0x1000)
    b += struct.pack("<QIIHHHHHHIIII", base, 0x1000, align, 6, 0, 1, 0, 6, 0, 0, 0x4000, headers, 0)
    b += struct.pack("<HHQQQQII", 3, 0x8160, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    directories = [(0, 0)] * 16
    directories[1] = (0x2020, 40)
    for at, size in directories:
        b += struct.pack("<II", at, size)
    offset = headers
    for name, address, content, flags in sections:
        size = align * -(-len(content) // align)
        b += struct.pack("<8sIIIIIIHHI", name, len(content), address, size, offset, 0, 0, 0, 0, flags)
        offset += size
    b += bytes(headers - len(b))
    for _, _, content, _ in sections:
        b += content + bytes(-len(content) % align)
    write("program.exe", bytes(b))


pictures()
pdf("report.pdf")
office()
texts()
mail()
archives()
sound()
program()
