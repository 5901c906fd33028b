package filled

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/lazaret/lazaret/internal/job"
)

// outcome is how an execution ends.
type outcome struct {
	share     int    // of 100
	status    string // of the execution
	verdict   job.Verdict
	signature string
	reason    job.Reason
	state     string // whose function fails
	failure   string // its error
	cause     string
	once      bool // it fails at the first attempt alone
	folder    string
	name      string
}

// outcomes are those of a hundred executions.
var outcomes = []outcome{
	{share: 56, status: "SUCCEEDED", verdict: job.Clean, folder: "invoices/2026/11", name: "invoice-%05d.pdf"},
	{share: 13, status: "SUCCEEDED", verdict: job.Clean, folder: "photos/customers", name: "IMG_%05d.jpg"},
	{
		share: 3, status: "SUCCEEDED", verdict: job.Clean, folder: "reports", name: "report %05d.docx",
		state: "fetch", failure: "Transient", cause: "get s3://uploads: connection reset by peer", once: true,
	},
	{
		share: 6, status: "SUCCEEDED", verdict: job.Infected, signature: "Win.Test.EICAR_HDB-1", folder: "inbox",
		name: "attachment-%05d.zip",
	},
	{
		share: 2, status: "SUCCEEDED", verdict: job.Infected, signature: "Doc.Downloader.Emotet-7580152-0", folder: "inbox",
		name: "Invoice %05d.doc",
	},
	{
		share: 5, status: "SUCCEEDED", verdict: job.Unscannable, reason: job.Encrypted, folder: "inbox",
		name: "protected-%05d.zip",
	},
	{
		share: 1, status: "SUCCEEDED", verdict: job.Unscannable, reason: job.TooLarge, folder: "backups",
		name: "backup-%05d.tar",
	},
	{
		share: 4, status: "FAILED", verdict: job.Clean, state: "tag", failure: "TagLimit", folder: "tagged",
		name: "ten-tags-%05d.csv", cause: "tag the object: it has 10 tags of its own, and S3 allows no more",
	},
	{
		share: 3, status: "FAILED", state: "fetch", failure: "AccessDenied", folder: "partners/<acme>",
		name: "order & bill %05d.xml", cause: "get the object: AccessDenied: not authorized to perform kms:Decrypt",
	},
	{
		share: 1, status: "FAILED", state: "scan", failure: "Engine", folder: "firmware", name: "image-%05d.bin",
		cause: "scan the file: clamd ended with signal 9 (killed)",
	},
	{
		share: 3, status: "SUCCEEDED", state: "fetch", failure: "ObjectGone", folder: "temporary", name: "part-%05d.tmp",
		cause: "the object was deleted",
	},
	{share: 1, status: "TIMED_OUT", verdict: job.Clean, state: "scan", folder: "archives", name: "mirror-%05d.tar.gz"},
	{share: 2, status: "ABORTED", verdict: job.Clean, state: "scan", folder: "archives", name: "stopped-%05d.tar.gz"},
}

// outcomeOf returns how the execution with this number ends. A hundred in a row have all outcomes, in one order.
func outcomeOf(i int) outcome {
	place := i * 37 % 100
	for _, o := range outcomes {
		if place < o.share {
			return o
		}
		place -= o.share
	}
	return outcomes[0]
}

// outcomeOfKey returns how the execution of an object ends.
func outcomeOfKey(key string) outcome {
	for _, o := range outcomes {
		begin, end, _ := strings.Cut(o.folder+"/"+o.name, "%05d")
		if strings.HasPrefix(key, begin) && strings.HasSuffix(key, end) {
			return o
		}
	}
	return outcomes[0]
}

func (o outcome) job(i int) job.Job {
	key := o.folder + "/" + fmt.Sprintf(o.name, i)
	size := int64(1000 + i*7919%5_000_000)
	if o.reason == job.TooLarge {
		size = 3 << 30
	}
	sum := sha256.Sum256([]byte(key))
	return job.Job{
		Version: job.Version,
		Object: job.Object{
			Bucket: stackName + "-uploads-000000000000-us-east-1", Key: key, Size: size,
			VersionID: fmt.Sprintf("00000000%018d", i), ETag: hex.EncodeToString(sum[:16]), Sequencer: fmt.Sprintf("%018x", i),
		},
		Policy: job.Policy{QuarantineUnscannable: o.reason == job.Encrypted},
	}
}
