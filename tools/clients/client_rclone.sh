# rclone: copyto, with parts of 5 MiB where the file is larger. The provider is Other: as AWS, rclone wants a checksum
# behind the body, which its SDK sends over TLS alone. copyto asks for the object first, and is refused for a key that is
# not there or has no verdict yet: --ignore-times does not help, --s3-no-head and --no-check-dest do.
set -euo pipefail
export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_L_TYPE=s3 RCLONE_CONFIG_L_PROVIDER=Other RCLONE_CONFIG_L_ENV_AUTH=true
export RCLONE_CONFIG_L_ENDPOINT=$ENDPOINT RCLONE_CONFIG_L_REGION=us-east-1 RCLONE_CONFIG_L_FORCE_PATH_STYLE=true
flags=(--header-upload 'X-Amz-Meta-Author-Name: Anna' --no-check-dest --s3-no-head --s3-no-check-bucket --retries 1)
rclone copyto "${flags[@]}" "$FILES/single" "l:$BUCKET/rclone/single"
rclone copyto "${flags[@]}" --s3-upload-cutoff 5M --s3-chunk-size 5M "$FILES/multipart" "l:$BUCKET/rclone/multipart"
echo 'presigned: not offered'
echo 'form: not offered'
