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

// operation carries out an operation on a bucket that the gateway lacks, or does in another way.
type operation func(bucket string, body []byte) (*controllers.Response, error)

// routes returns the routes of these operations. As for the gateway's own, the caller is authenticated and authorised
// before.
func routes(s *buckets, iam *accounts) []s3api.Option {
	putNotification := metrics.ActionPutBucketNotificationConfiguration
	getNotification := metrics.ActionGetBucketNotificationConfiguration
	return []s3api.Option{
		route(s, iam, http.MethodPut, "policy", metrics.ActionPutBucketPolicy, s.putPolicy),
		route(s, iam, http.MethodPut, "notification", putNotification, s.putNotification),
		route(s, iam, http.MethodGet, "notification", getNotification, s.getNotification),
	}
}

func route(s *buckets, iam *accounts, method, subresource, action string, run operation) s3api.Option {
	handle := controllers.ProcessHandlers(
		func(c fiber.Ctx) (*controllers.Response, error) { return run(c.Params("bucket"), c.BodyRaw()) },
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
