package coverage

import "github.com/lazaret/lazaret/internal/job"

// index keeps what streams refer to, and what says how they are encrypted.
func (p *pdf) index(o pdfObject) error {
	p.refer(o)
	if d, ok := o.value.(pdfDict); ok {
		p.packed = p.packed || o.data > 0 && d.is("Type", "ObjStm")
		if d["O"] != nil && d["U"] != nil && d["Filter"] != nil && len(p.lockOf) < 64 {
			p.lockOf[pdfRef(o.number)] = d
		}
		if o.number == 0 || d.is("Type", "XRef") {
			p.trailer(d)
		}
	}
	return nil
}

// objects reads those in a stream of objects (7.5.7).
func (p *pdf) objects(o pdfObject) error {
	d, _ := o.value.(pdfDict)
	if !d.is("Type", "ObjStm") {
		return nil
	}
	return p.each(o, func(s pdfStream, b *body) error {
		all := make([]byte, min(b.size, maxPDFObjects))
		if _, err := b.ReadAt(all, 0); err != nil && !ended(err) {
			return err
		}
		first := s.dict.number("First", 0)
		header := &pdfLexer{b: all}
		for read := 0; read <= 8*len(all); {
			number, ok := header.value(0).(int64)
			at, also := header.value(0).(int64)
			if at += first; !ok || !also || at < 0 || at >= int64(len(all)) {
				return nil
			}
			l := &pdfLexer{b: all[at:]}
			p.refer(pdfObject{number: number, value: l.value(0)})
			read += l.at
		}
		return exceeded(job.LimitSize, "PDF whose objects stand in one another")
	})
}

func (p *pdf) refer(o pdfObject) {
	switch v := o.value.(type) {
	case pdfName:
		p.keep(o)
	case []any:
		p.attachments(v)
		if len(v) > 0 && len(v) <= maxFilters {
			switch v[0].(type) {
			case pdfName, pdfDict, pdfRef, pdfWord:
				p.keep(o)
			}
		}
	case pdfDict:
		p.attachments(v)
		if o.data == 0 && (v["Predictor"] != nil || v["EarlyChange"] != nil) {
			p.keep(o)
		}
	}
}

// attachments notes the streams that file specifications lead to (7.11.4).
func (p *pdf) attachments(v any) {
	switch v := v.(type) {
	case []any:
		for _, v := range v {
			p.attachments(v)
		}
	case pdfDict:
		for key, values := range v {
			for _, value := range values {
				if files, ok := value.(pdfDict); ok && key == "EF" {
					for _, refs := range files {
						if ref, ok := refs[0].(pdfRef); ok && len(p.files) < maxPDFSmall {
							p.files[ref] = true
						}
					}
				}
				p.attachments(value)
			}
		}
	}
}

func (p *pdf) keep(o pdfObject) {
	key := pdfRef(o.number)
	switch values := p.small[key]; {
	case len(values) == 4:
		values[3] = o.value // readers take the last
	case len(p.small) < maxPDFSmall:
		p.small[key] = append(values, o.value)
	}
}

// resolve is what a value says, whatever stands behind a reference.
func (p *pdf) resolve(v any) []any {
	if ref, ok := v.(pdfRef); ok {
		return p.small[ref]
	}
	return []any{v}
}
