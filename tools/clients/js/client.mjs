// Uploads with the AWS SDK for JavaScript: PutObject, lib-storage, a presigned PUT and a presigned POST form.
import { createReadStream, readFileSync } from "node:fs";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const { ENDPOINT: endpoint, BUCKET: Bucket, FILES: files } = process.env;
const s3 = new S3Client({ endpoint, forcePathStyle: true, region: "us-east-1" });
const Metadata = { "Author-Name": "Anna" };

await s3.send(new PutObjectCommand({ Bucket, Key: "js/single", Body: readFileSync(`${files}/single`), Metadata }));

const params = { Bucket, Key: "js/multipart", Body: createReadStream(`${files}/multipart`), Metadata };
await new Upload({ client: s3, params, partSize: 5 << 20 }).done();

const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "js/presigned" }));
await accepted(fetch(url, { method: "PUT", body: readFileSync(`${files}/presigned`) }));

const post = await createPresignedPost(s3, { Bucket, Key: "js/${filename}" });
const form = new FormData();
for (const [name, value] of Object.entries(post.fields)) form.append(name, value);
form.append("file", new Blob([readFileSync(`${files}/form`)]), "form");
form.append("behind", "fields behind the file are ignored");
await accepted(fetch(post.url, { method: "POST", body: form }));

async function accepted(answer) {
  const got = await answer;
  if (!got.ok) throw new Error(`${got.status} ${await got.text()}`);
}
