package encodedscript

// Encoder returns the encoded form of each character of ASCII, by the character's
// index in the script modulo 64.
func Encoder() (encoder [64][0x80]byte) {
	for index := range encoder {
		for c := byte('\t'); c < 0x80; c++ {
			if c != '\t' && c < ' ' || c == '<' || c == '>' || c == '@' {
				continue
			}
			d := decoder{index: index}
			if plain, err := d.decode(c); err == nil {
				encoder[index][plain] = c
			}
		}
	}
	return encoder
}
