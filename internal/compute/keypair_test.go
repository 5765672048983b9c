package compute_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"wisp/internal/compute"
	"wisp/internal/store/storetest"
)

// What is handed out of an x509 keypair opens without a password, and is the
// key of the certificate that is kept.
func TestX509Keypair(t *testing.T) {
	t.Parallel()
	c := newCloud(t, storetest.SQLite(t))
	made, err := c.CreateKeypair(t.Context(), c.member, compute.Keypair{UserID: c.member.UserID, Name: "winrm", Type: compute.KeypairX509})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := base64.StdEncoding.DecodeString(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key, certificate, err := pkcs12.Decode(bundle, "")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(made.PublicKey))
	if block == nil || !slices.Equal(block.Bytes, certificate.Raw) {
		t.Error("the certificate is not the one that is kept")
	}
	if private, ok := key.(*rsa.PrivateKey); !ok || !private.PublicKey.Equal(certificate.PublicKey) {
		t.Errorf("the key is a %T, or another's", key)
	}
	if certificate.Subject.CommonName != c.member.UserID || !slices.Contains(certificate.ExtKeyUsage, x509.ExtKeyUsageClientAuth) ||
		!strings.Contains(string(certificate.Raw), c.member.UserID+"@localhost") || len(made.Fingerprint) != 59 {
		t.Errorf("the certificate is of %v, for %v; its fingerprint is %s", certificate.Subject, certificate.ExtKeyUsage, made.Fingerprint)
	}
	kept, err := c.GetKeypair(t.Context(), c.member.UserID, "winrm")
	if err != nil || kept.PrivateKey != "" || kept.PublicKey != made.PublicKey {
		t.Errorf("kept: %v (%v)", kept, err)
	}
}
