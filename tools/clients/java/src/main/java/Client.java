import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

/** Uploads with the AWS SDK for Java: putObject, a multipart upload, and a presigned PUT. It has no POST forms. */
public final class Client {
  private static final int PART = 5 << 20;
  private static final Map<String, String> METADATA = Map.of("Author-Name", "Anna");

  private Client() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    URI endpoint = URI.create(System.getenv("ENDPOINT"));
    String bucket = System.getenv("BUCKET");
    Path files = Path.of(System.getenv("FILES"));
    try (S3Client s3 =
            S3Client.builder().endpointOverride(endpoint).region(Region.US_EAST_1).forcePathStyle(true).build();
        S3Presigner presigner =
            S3Presigner.builder()
                .endpointOverride(endpoint)
                .region(Region.US_EAST_1)
                .serviceConfiguration(S3Configuration.builder().pathStyleAccessEnabled(true).build())
                .build()) {
      s3.putObject(
          r -> r.bucket(bucket).key("java/single").metadata(METADATA), RequestBody.fromFile(files.resolve("single")));
      multipart(s3, bucket, Files.readAllBytes(files.resolve("multipart")));
      presigned(presigner, bucket, files.resolve("presigned"));
    }
    System.out.println("form: not offered");
  }

  private static void multipart(S3Client s3, String bucket, byte[] body) {
    String key = "java/multipart";
    String upload = s3.createMultipartUpload(r -> r.bucket(bucket).key(key).metadata(METADATA)).uploadId();
    List<CompletedPart> parts = new ArrayList<>();
    for (int start = 0; start < body.length; start += PART) {
      int number = parts.size() + 1;
      byte[] part = Arrays.copyOfRange(body, start, Math.min(start + PART, body.length));
      String tag =
          s3.uploadPart(r -> r.bucket(bucket).key(key).uploadId(upload).partNumber(number), RequestBody.fromBytes(part))
              .eTag();
      parts.add(CompletedPart.builder().partNumber(number).eTag(tag).build());
    }
    s3.completeMultipartUpload(r -> r.bucket(bucket).key(key).uploadId(upload).multipartUpload(m -> m.parts(parts)));
  }

  private static void presigned(S3Presigner presigner, String bucket, Path file)
      throws IOException, InterruptedException {
    URI url =
        URI.create(
            presigner
                .presignPutObject(
                    p ->
                        p.signatureDuration(Duration.ofMinutes(1))
                            .putObjectRequest(r -> r.bucket(bucket).key("java/presigned")))
                .url()
                .toString());
    HttpResponse<String> answer =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(url).PUT(HttpRequest.BodyPublishers.ofFile(file)).build(),
                HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() / 100 != 2) {
      throw new IOException("presigned PUT: " + answer.statusCode() + " " + answer.body());
    }
  }
}
