package endtoend

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// screenshots makes the pictures of the documents anew.
var screenshots = flag.Bool("screenshots", false, "write docs/console/*.png, which needs -browser")

// TestBrowserConsolePages opens every page of the console in both colours, narrow and wide: no rule of axe-core is
// broken, nothing is cut off, and no script fails. With -screenshots it makes the pictures of the documents.
func TestBrowserConsolePages(t *testing.T) {
	m := startConsole(t, 2000)
	infected := m.Put(t, "inbox/invoice from a partner.zip", eicar.Bytes())
	found := m.Await(t, infected)
	clean := m.Put(t, "letters/2026/"+strings.Repeat("a long name of a folder/", 12)+"letter.txt", sample.Text("clean"))
	m.Await(t, clean)
	b := openConsole(t, m)
	object := "/object?" + url.Values{
		"bucket": {harness.Uploads}, "key": {clean.Key}, "versionId": {clean.VersionID},
	}.Encode()
	for name, path := range map[string]string{
		"overview":     "/",
		"executions":   "/executions",
		"failed":       "/executions?status=FAILED",
		"nothing":      "/executions?q=there+is+no+such+key",
		"execution":    "/executions/" + url.PathEscape(found.ARN),
		"objects":      "/objects?" + url.Values{"bucket": {harness.Uploads}}.Encode(),
		"object":       object,
		"rescan":       strings.Replace(object, "/object?", "/object/rescan?", 1),
		"dead-letters": "/dead-letters",
		"redrive":      "/dead-letters/redrive?error=TagLimit",
		"quarantine":   "/quarantine",
		"definitions":  "/definitions",
		"missing":      "/no-such-page",
	} {
		t.Run(name, func(t *testing.T) {
			b := b.of(t)
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range []int64{400, 1280, 2000} {
					b.look(scheme, width)
					b.open(path)
					wide := value[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`)
					if wide > 0 {
						t.Errorf("%s, %d px wide: the page is %d px wider than the window", scheme, width, wide)
					}
					if width != 1280 {
						for _, broken := range b.axe() {
							t.Errorf("%s, %d px wide: %s", scheme, width, broken)
						}
					} else if *screenshots && slices.Contains(pictures[name], scheme) {
						b.picture(name + map[string]string{"light": "", "dark": "-dark"}[scheme])
					}
				}
			}
			b.check(path)
		})
	}
}

// pictures are the pages that the documents show, and in which colours.
var pictures = map[string][]string{
	"overview": {"light", "dark"}, "execution": {"light", "dark"}, "executions": {"light"}, "object": {"light"},
	"dead-letters": {"light"}, "quarantine": {"light"},
}

// of returns the tab for a part of the test.
func (b *tab) of(t *testing.T) *tab {
	return &tab{t: t, ctx: b.ctx, console: b.console, troubles: b.troubles}
}

// picture writes what the window shows to docs/console.
func (b *tab) picture(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageWithin)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	dir := filepath.Join(need.Programs(b.t), "docs", "console")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), small(b.t, picture), 0o644); err != nil { //nolint:gosec // a document
		b.t.Fatal(err)
	}
}

// small returns a picture with 256 colours, which halves its size: the most frequent ones, of which no two are alike.
func small(t *testing.T, content []byte) []byte {
	t.Helper()
	whole, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[color.RGBA]int{}
	bounds := whole.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[color.RGBAModel.Convert(whole.At(x, y)).(color.RGBA)]++
		}
	}
	frequent := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(counts[b]-counts[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var colours color.Palette
	for _, alike := range []uint8{16, 1} { // first those that are not alike, then others that are frequent
		taken := map[color.RGBA]bool{}
		for _, c := range frequent {
			place := color.RGBA{c.R / alike, c.G / alike, c.B / alike, 0}
			if !taken[place] && len(colours) < 256 && !slices.Contains(colours, color.Color(c)) {
				colours = append(colours, c)
			}
			taken[place] = true
		}
	}
	reduced := image.NewPaletted(bounds, colours)
	draw.Draw(reduced, bounds, whole, bounds.Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, reduced); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
