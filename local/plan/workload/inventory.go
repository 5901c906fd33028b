package workload

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// columns says where an inventory has what: the numbers of columns, from 0, or -1.
type columns struct {
	size, modified, storageClass int
	latest, deleteMarker         int
}

// ReadInventory reads a CSV file of an S3 inventory, compressed or not, or the manifest.json that lists such files:
// they are looked for beside it and in a folder data. Of versions, only the current ones count. A CSV file has no
// header; without a manifest the columns are known by what is in the first row.
func ReadInventory(path string) (*Objects, error) {
	o := &Objects{}
	var err error
	if strings.HasSuffix(path, ".json") {
		err = o.readManifest(path)
	} else {
		err = o.readFile(path, nil)
	}
	if err != nil {
		return nil, err
	}
	if n, _ := o.Total(); n == 0 {
		return nil, ErrEmpty
	}
	return o, nil
}

// manifest is the part of a manifest.json that is read:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
type manifest struct {
	FileFormat string `json:"fileFormat"`
	FileSchema string `json:"fileSchema"`
	Files      []struct {
		Key string `json:"key"`
	} `json:"files"`
}

func (o *Objects) readManifest(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	if m.FileFormat != "CSV" {
		return fmt.Errorf("the manifest lists files of the format %q, want CSV", shorten(m.FileFormat))
	}
	c, err := namedColumns(strings.Split(m.FileSchema, ","))
	if err != nil {
		return fmt.Errorf("the manifest's fileSchema: %w", err)
	}
	for _, f := range m.Files {
		name := filepath.Base(f.Key) // a manifest names no file outside of its folder
		data := filepath.Join(filepath.Dir(path), name)
		if _, err := os.Stat(data); errors.Is(err, os.ErrNotExist) {
			data = filepath.Join(filepath.Dir(path), "data", name)
		}
		if err := o.readFile(data, c); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads one CSV file. Without columns it finds them.
func (o *Objects) readFile(path string, c *columns) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, maxLine)
	var r io.Reader = in
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte("\x1f\x8b")) {
		if r, err = gzip.NewReader(in); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := o.readCSV(r, c); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (o *Objects) readCSV(r io.Reader, c *columns) error {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	for n := 1; ; n++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the inventory: %w", err)
		}
		if c == nil {
			header := false
			if c, header, err = findColumns(row); err != nil && !isMarker(row) {
				return err
			}
			if header || err != nil {
				continue // without columns yet, if this row is of a delete marker
			}
		}
		if err := o.addRow(row, c); err != nil {
			return fmt.Errorf("row %d: %w", n, err)
		}
	}
}

// addRow counts one row. Rows of delete markers have no size.
func (o *Objects) addRow(row []string, c *columns) error {
	value := func(i int) string {
		if i < 0 || i >= len(row) {
			return ""
		}
		return row[i]
	}
	if value(c.latest) == "false" || value(c.deleteMarker) == "true" {
		return nil
	}
	size, err := strconv.ParseInt(value(c.size), 10, 64)
	if err != nil {
		return fmt.Errorf("size %q: want a number of bytes", shorten(value(c.size)))
	}
	modified, _ := time.Parse(time.RFC3339, value(c.modified))
	return o.Add(size, modified, archived(value(c.storageClass)))
}

// namedColumns returns the columns that a schema names.
func namedColumns(names []string) (*columns, error) {
	find := func(name string) int {
		return slices.IndexFunc(names, func(s string) bool { return strings.TrimSpace(s) == name })
	}
	c := &columns{
		size: find("Size"), modified: find("LastModifiedDate"), storageClass: find("StorageClass"),
		latest: find("IsLatest"), deleteMarker: find("IsDeleteMarker"),
	}
	if c.size < 0 {
		return nil, errors.New("it has no Size: add the optional field Size to the inventory")
	}
	return c, nil
}

// findColumns returns the columns of a file without a manifest, by its first row, and whether that is a header. Bucket
// and key always come first, then versions if the inventory has them, then the optional fields in the order of their
// configuration: the first number is the size.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
func findColumns(row []string) (c *columns, header bool, err error) {
	if c, err := namedColumns(row); err == nil {
		return c, true, nil
	}
	c = &columns{size: -1, modified: -1, storageClass: -1, latest: -1, deleteMarker: -1}
	for i, v := range row {
		switch {
		case i < 2:
		case (v == "true" || v == "false") && c.latest < 0:
			c.latest = i
		case (v == "true" || v == "false") && c.deleteMarker < 0 && i == c.latest+1:
			c.deleteMarker = i
		case c.size < 0 && isNumber(v):
			c.size = i
		case c.modified < 0 && isTime(v):
			c.modified = i
		case c.storageClass < 0 && (v == "STANDARD" || v == "STANDARD_IA" || archived(v)):
			c.storageClass = i
		}
	}
	if c.deleteMarker < 0 { // one true or false alone is another field, such as IsMultipartUploaded
		c.latest = -1
	}
	if c.size < 0 {
		return nil, false, errors.New("the first row has no size: give the inventory's manifest.json instead")
	}
	return c, false, nil
}

// isMarker reports whether a row is of a delete marker: it has no size to be found. Version, IsLatest and
// IsDeleteMarker follow the key.
func isMarker(row []string) bool {
	return len(row) > 4 && (row[3] == "true" || row[3] == "false") && row[4] == "true"
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 63)
	return err == nil
}

func isTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}
