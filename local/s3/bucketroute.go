package s3

import (
	"net/http"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/metrics"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/controllers"
	"github.com/versity/versitygw/s3api/middlewares"

	"github.com/lazaret/lazaret/local/template"
)

// answer carries out an operation on a bucket that the gateway does not have, or
// has otherwise.
type answer func(bucket string, body []byte) (*controllers.Response, error)

// routes are the operations on buckets that are ours. The caller is
// authenticated and authorised before, as for the gateway's own.
func routes(s *buckets, iam *accounts) []s3api.Option {
	return []s3api.Option{
		route(s, iam, http.MethodPut, "policy", metrics.ActionPutBucketPolicy, s.putPolicy),
		route(s, iam, http.MethodPut, "notification", metrics.ActionPutBucketNotificationConfiguration, s.putNotification),
		route(s, iam, http.MethodGet, "notification", metrics.ActionGetBucketNotificationConfiguration, s.getNotification),
	}
}

func route(s *buckets, iam *accounts, method, subresource, action string, do answer) s3api.Option {
	handle := controllers.ProcessHandlers(
		func(c fiber.Ctx) (*controllers.Response, error) { return do(c.Params("bucket"), c.BodyRaw()) },
		action, &controllers.Services{},
		middlewares.VerifyPresignedV4Signature(middlewares.RootUserConfig{}, iam, template.Region, false),
		middlewares.VerifyV4Signature(middlewares.RootUserConfig{}, iam, template.Region, false, true, false),
		middlewares.ParseAcl(s),
	)
	return s3api.WithRoute(method, "/:bucket", func(c fiber.Ctx) error {
		if !c.Request().URI().QueryArgs().Has(subresource) {
			return c.Next()
		}
		return handle(c)
	})
}
