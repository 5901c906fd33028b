package lha

// crc16 is LHA's checksum as a hash.Hash32: CRC-16 with the polynomial x^16+x^15+x^2+1.
type crc16 struct{ v uint16 }

func (c *crc16) Write(p []byte) (int, error) {
	for _, b := range p {
		c.v ^= uint16(b)
		for range 8 {
			c.v = c.v>>1 ^ 0xa001*(c.v&1)
		}
	}
	return len(p), nil
}

func (c *crc16) Sum32() uint32       { return uint32(c.v) }
func (c *crc16) Sum(b []byte) []byte { return append(b, byte(c.v>>8), byte(c.v)) }
func (c *crc16) Reset()              { c.v = 0 }
func (c *crc16) Size() int           { return 2 }
func (c *crc16) BlockSize() int      { return 1 }
