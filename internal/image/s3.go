package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"wisp/internal/errs"
)

const (
	s3Scheme = "s3://"
	// s3Part is how much of an upload is in memory, and goes at a time. A
	// store takes 10,000 parts: an image can have 156 GiB.
	s3Part = 16 << 20
	// s3Attempts is how often a request is made before the store counts as
	// away: clients wait for it.
	s3Attempts = 3
)

// s3Location is what an s3:// URL names.
type s3Location struct {
	bucket, region string
	endpoint       *url.URL
	credentials    string // a file; empty for the environment and the usual files
}

// CheckStore returns the name of an image store as it is to be kept: a folder,
// or s3://bucket with endpoint= (https://host:port; Amazon's without one),
// region= and credentials= (a file as the AWS tools have it). Without the last
// the environment has them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or
// AWS_SHARED_CREDENTIALS_FILE. What has a secret in it, or is not understood, is
// Invalid.
func CheckStore(location string) (string, error) {
	if !strings.Contains(location, "://") {
		return absolute(location)
	}
	_, err := parseS3(location)
	return location, err
}

func parseS3(location string) (s3Location, error) {
	u, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, s3Scheme) || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return s3Location{}, errs.New(errs.Invalid, "want a folder, or s3://bucket?endpoint=https://host&region=name")
	}
	if u.User != nil {
		return s3Location{}, errs.New(errs.Invalid, "credentials do not belong into the URL: name a file with credentials=, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	query := u.Query()
	for name := range query {
		if !slices.Contains([]string{"endpoint", "region", "credentials"}, name) {
			return s3Location{}, errs.New(errs.Invalid, "s3:// URLs have endpoint, region and credentials (a file), and no %q", name)
		}
	}
	at := s3Location{bucket: u.Host, region: query.Get("region"), credentials: query.Get("credentials")}
	endpoint := query.Get("endpoint")
	switch {
	case endpoint == "" && at.region == "":
		return s3Location{}, errs.New(errs.Invalid, "s3:// URLs need an endpoint or a region")
	case endpoint == "":
		endpoint = "https://s3." + at.region + ".amazonaws.com"
	case !strings.Contains(endpoint, "://"):
		endpoint = "https://" + endpoint
	}
	at.endpoint, err = url.Parse(endpoint)
	if err != nil || at.endpoint.Host == "" || at.endpoint.User != nil || at.endpoint.Scheme != "http" && at.endpoint.Scheme != "https" || strings.Trim(at.endpoint.Path, "/") != "" {
		return s3Location{}, errs.New(errs.Invalid, "the endpoint of an s3:// URL is as https://host:port")
	}
	return at, nil
}

// openS3 opens a bucket of an S3 store. Nothing is asked of it yet: it may be
// away.
func openS3(location string) (*Blobs, error) {
	at, err := parseS3(location)
	if err != nil {
		return nil, err
	}
	sources := []credentials.Provider{&credentials.FileAWSCredentials{Filename: at.credentials}}
	if at.credentials == "" {
		sources = []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	}
	keys := credentials.NewChainCredentials(sources)
	if value, err := keys.GetWithContext(nil); err != nil || value.AccessKeyID == "" {
		return nil, errs.Wrap(err, errs.Invalid, "there are no credentials for the image store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file with credentials= in its URL")
	}
	core, err := minio.NewCore(at.endpoint.Host, &minio.Options{Creds: keys, Secure: at.endpoint.Scheme == "https", Region: at.region, MaxRetries: s3Attempts})
	if err != nil {
		return nil, fmt.Errorf("open the image store: %w", err)
	}
	s := &s3Bucket{core, at.bucket}
	return &Blobs{bucket: blob.NewBucket(s), url: s3Scheme + at.bucket, unfinished: s.unfinished, abandon: s.abandon}, nil
}

// s3Bucket makes a bucket of S3 one of gocloud.dev/blob: what Blobs needs of
// it. That library's own has a client that makes the program larger by a quarter.
type s3Bucket struct {
	core   *minio.Core
	bucket string
}

// errNoBlob marks what a bucket has not.
var errNoBlob = errors.New("there is no such blob")

// ErrorCode implements driver.Bucket.
func (s *s3Bucket) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, errNoBlob) || minio.ToErrorResponse(err).Code == "NoSuchKey":
		return gcerrors.NotFound
	case errors.Is(err, context.Canceled):
		return gcerrors.Canceled
	case errors.Is(err, errNotOffered):
		return gcerrors.Unimplemented
	}
	return gcerrors.Unknown
}

// As implements driver.Bucket.
func (s *s3Bucket) As(any) bool { return false }

// ErrorAs implements driver.Bucket.
func (s *s3Bucket) ErrorAs(err error, target any) bool { return errors.As(err, target) }

// Attributes implements driver.Bucket.
func (s *s3Bucket) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	info, err := s.core.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{Size: info.Size, ModTime: info.LastModified, ContentType: info.ContentType, AsFunc: s.As}, nil
}

// ListPaged implements driver.Bucket.
func (s *s3Bucket) ListPaged(_ context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	found, err := s.core.ListObjectsV2(s.bucket, opts.Prefix, "", string(opts.PageToken), "", opts.PageSize)
	if err != nil {
		return nil, err
	}
	page := &driver.ListPage{}
	for _, o := range found.Contents {
		page.Objects = append(page.Objects, &driver.ListObject{Key: o.Key, Size: o.Size, ModTime: o.LastModified, AsFunc: s.As})
	}
	if found.IsTruncated {
		page.NextPageToken = []byte(found.NextContinuationToken)
	}
	return page, nil
}

// NewRangeReader implements driver.Bucket.
func (s *s3Bucket) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	var opts minio.GetObjectOptions
	if length == 0 {
		attributes, err := s.Attributes(ctx, key)
		if err != nil {
			return nil, err
		}
		return s3Reader{io.NopCloser(strings.NewReader("")), driver.ReaderAttributes{Size: attributes.Size, ModTime: attributes.ModTime}}, nil
	}
	if offset > 0 || length > 0 {
		last := int64(0) // the end
		if length > 0 {
			last = offset + length - 1
		}
		if err := opts.SetRange(offset, last); err != nil && length > 0 {
			return nil, err
		}
		if length < 0 {
			opts.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		}
	}
	data, info, _, err := s.core.GetObject(ctx, s.bucket, key, opts)
	if err != nil {
		return nil, err
	}
	return s3Reader{data, driver.ReaderAttributes{Size: info.Size, ModTime: info.LastModified}}, nil
}

type s3Reader struct {
	io.ReadCloser
	attributes driver.ReaderAttributes
}

func (r s3Reader) Attributes() *driver.ReaderAttributes { return &r.attributes }
func (r s3Reader) As(any) bool                          { return false }

// NewTypedWriter implements driver.Bucket. The blob appears when the writer is
// closed; when ctx ends before, it does not, and what the store has of it is
// removed.
func (s *s3Bucket) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	if opts.BeforeWrite != nil {
		if err := opts.BeforeWrite(s.As); err != nil {
			return nil, err
		}
	}
	r, w := io.Pipe()
	writer := &s3Writer{ctx: ctx, pipe: w, done: make(chan error, 1)}
	go func() {
		_, err := s.core.Client.PutObject(ctx, s.bucket, key, r, -1, minio.PutObjectOptions{ContentType: contentType, PartSize: s3Part})
		_ = r.CloseWithError(errors.Join(err, errPutEnded)) // who writes learns of it
		writer.done <- err
	}()
	return writer, nil
}

var errPutEnded = errors.New("the store takes no more of this blob")

type s3Writer struct {
	ctx  context.Context
	pipe *io.PipeWriter
	done chan error
}

func (w *s3Writer) Write(p []byte) (int, error) { return w.pipe.Write(p) }

func (w *s3Writer) Close() error {
	if err := w.ctx.Err(); err != nil {
		_ = w.pipe.CloseWithError(err) // its reader fails, and the blob does not appear
		return errors.Join(err, <-w.done)
	}
	return errors.Join(w.pipe.Close(), <-w.done)
}

// Delete implements driver.Bucket.
func (s *s3Bucket) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	return s.core.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{})
}

// Close implements driver.Bucket.
func (s *s3Bucket) Close() error { return nil }

var errNotOffered = errors.New("blobs are neither copied nor shown to others")

// Copy implements driver.Bucket.
func (s *s3Bucket) Copy(context.Context, string, string, *driver.CopyOptions) error {
	return errNotOffered
}

// SignedURL implements driver.Bucket.
func (s *s3Bucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errNotOffered
}

// unfinished lists the keys of uploads that were begun and never ended: a
// server that is killed leaves them, they are in no list of blobs, and they cost.
func (s *s3Bucket) unfinished(ctx context.Context) ([]string, error) {
	var keys []string
	for upload := range s.core.ListIncompleteUploads(ctx, s.bucket, "", true) {
		if upload.Err != nil {
			if answer := minio.ToErrorResponse(upload.Err); answer.Code == "NotImplemented" || answer.Code == "NoSuchUpload" {
				return nil, nil
			}
			return nil, fmt.Errorf("list unfinished uploads: %w", upload.Err)
		}
		keys = append(keys, upload.Key)
	}
	return keys, nil
}

// abandon removes what unfinished uploads of a key have left.
func (s *s3Bucket) abandon(ctx context.Context, key string) error {
	if err := s.core.RemoveIncompleteUpload(ctx, s.bucket, key); err != nil {
		return fmt.Errorf("abandon the upload of %s: %w", key, err)
	}
	return nil
}
