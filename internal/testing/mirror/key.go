package mirror

import (
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
	"sync"
)

// key is an RSA key with the public exponent that the library has built in.
type key struct {
	private  *rsa.PrivateKey
	digits   int    // of the modulus, in decimal
	replaces string // first digits of the library's modulus, which no other number has
}

// Containers, their lists of contents and incremental updates have a key each. The exponents are
// CLI_ESTR and INFO_ESTR of libclamav (dsig.h, readdb.c) and PUBLIC_KEY_EXPONENT of libclamav_rust
// (cdiff.rs), 1.4.
var keys = sync.OnceValue(func() [3]*key {
	return [3]*key{
		generate(1024, 100001027, 309, "11864099555164534260307000165845318975152777441202"),
		generate(2048, 100002049, 617, "11088894983048545473659556106627194923928941791795"),
		generate(2048, 100002053, 617, "14783905874077467090262228516557917570254599638376"),
	}
})

// generate makes a key with the given exponent, for which crypto/rsa has no function.
func generate(bits, exponent, digits int, replaces string) *key {
	one, e := big.NewInt(1), big.NewInt(int64(exponent))
	for {
		p, errP := rand.Prime(rand.Reader, bits/2)
		q, errQ := rand.Prime(rand.Reader, bits/2)
		if errP != nil || errQ != nil {
			panic(fmt.Sprint("find primes: ", errP, errQ)) // bits is wrong
		}
		n := new(big.Int).Mul(p, q)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if n.BitLen() != bits || d == nil || p.Cmp(q) == 0 {
			continue
		}
		private := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: exponent}, D: d, Primes: []*big.Int{p, q}}
		private.Precompute()
		return &key{private: private, digits: digits, replaces: replaces}
	}
}

// modulus returns the modulus in decimal, with leading zeros where it is shorter.
func (k *key) modulus() string { return fmt.Sprintf("%0*s", k.digits, k.private.N) }

// signContainer signs the MD5 of a container: only the digest, without padding.
func signContainer(digest [md5.Size]byte) string {
	k := keys()[0].private
	return text(new(big.Int).Exp(new(big.Int).SetBytes(digest[:]), k.D, k.N))
}

func signInfo(content []byte) string  { return keys()[1].sign(content) }
func signCdiff(content []byte) string { return keys()[2].sign(content) }

// sign signs by RSASSA-PSS with SHA-256 and a salt of the same length. The library misreads a
// signature if the encoded message begins with a zero byte, so that another one is made.
func (k *key) sign(content []byte) string {
	digest := sha256.Sum256(content)
	for {
		sig, err := rsa.SignPSS(rand.Reader, k.private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: sha256.Size})
		if err != nil {
			panic(fmt.Sprint("sign: ", err)) // the key is ours and long enough
		}
		n := new(big.Int).SetBytes(sig)
		message := new(big.Int).Exp(n, big.NewInt(int64(k.private.E)), k.private.N)
		if message.BitLen() > k.private.N.BitLen()-8 {
			return text(n)
		}
	}
}

// text encodes a number as the library reads it: six bits in a character, the lowest ones first.
func text(n *big.Int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
	var out []byte
	rest, low, mask := new(big.Int).Set(n), new(big.Int), big.NewInt(63)
	for rest.Sign() > 0 {
		out = append(out, alphabet[low.And(rest, mask).Int64()])
		rest.Rsh(rest, 6)
	}
	return string(out)
}
