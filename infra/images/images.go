// Package images tests the container images of the functions scan and freshclam:
// here, that their Dockerfiles say what they must; behind the build tag images,
// which `make images` sets, the built images themselves, run as Lambda runs them
// and driven through the Lambda Runtime API. It has no code of its own.
package images
