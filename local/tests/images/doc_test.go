// Package images_test holds the images of the functions scan and freshclam to the template, to the Makefile and to what
// Lambda does with images. Without build tags it reads the Dockerfiles only. With the build tag images, which `make
// images` sets, it also runs the built images as Lambda runs them, through the Lambda Runtime API.
package images_test
