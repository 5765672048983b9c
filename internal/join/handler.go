package join

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"wisp/internal/errs"
)

const (
	// Path is the folder of what Handler answers.
	Path = "/wisp.node/v1/join/"
	// PathEnrol takes a Request of a machine without a certificate.
	PathEnrol = Path + "enrol"
	// PathRenew takes a Renewal of a node.
	PathRenew = Path + "renew"
	// PathStanding tells a node that it is one: a Standing.
	PathStanding = Path + "standing"

	maxBody = 64 << 10
)

// Request is what a machine says that wants to be a node.
type Request struct {
	TokenID string `json:"token_id"`
	Secret  string `json:"secret"`
	Host    string `json:"host"`
	CSR     []byte `json:"csr"` // certificate request, DER
}

// Renewal asks for a new certificate for the host of the one at hand.
type Renewal struct {
	CSR []byte `json:"csr"`
}

// Answer is what a node needs to be one.
type Answer struct {
	Host        string `json:"host"`
	Certificate []byte `json:"certificate"` // DER
	Authority   []byte `json:"authority"`   // DER
	Terms
}

// Standing is what a server knows of the node that asks.
type Standing struct {
	Host    string    `json:"host"`
	Expires time.Time `json:"expires"` // the certificate
	Now     time.Time `json:"now"`     // the server's clock
	Terms
}

// Terms are what a server tells each node.
type Terms struct {
	Server string `json:"server"` // its name
	MTU    int    `json:"mtu"`    // that the cloud counts on between tunnels' ends, bytes
}

// Registry says who may join, and who has. Errors are of kind Forbidden for
// whoever may not, Conflict when the name is taken.
type Registry interface {
	Join(ctx context.Context, request Request) (Answer, error)
	Renew(ctx context.Context, cert *x509.Certificate, csr []byte) (Answer, error)
	// Admit checks that a certificate, which TLS has verified, is the one on
	// record for its host.
	Admit(ctx context.Context, cert *x509.Certificate) error
}

// refusal is the body of an error.
type refusal struct {
	Error string    `json:"error"`
	Kind  errs.Kind `json:"kind"`
}

// Handler answers machines that want to join, and nodes that renew.
func Handler(registry Registry, terms Terms, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	var strangers seldom
	mux.HandleFunc("POST "+PathEnrol, func(w http.ResponseWriter, r *http.Request) {
		var request Request
		if !read(w, r, &request) {
			return
		}
		answer, err := registry.Join(r.Context(), request)
		if err != nil {
			// Anybody can come so far, as often and with as much as they like.
			if untold, tell := strangers.ask(time.Now()); tell {
				log.WarnContext(r.Context(), "a machine may not join", "host", brief(request.Host), "token", brief(request.TokenID), "from", r.RemoteAddr,
					"error", brief(err.Error()), "others_untold", untold)
			}
			refuse(w, err)
			return
		}
		log.InfoContext(r.Context(), "a machine joined", "host", answer.Host, "token", request.TokenID, "from", r.RemoteAddr)
		answer.Terms = terms
		write(w, http.StatusOK, answer)
	})
	mux.HandleFunc("POST "+PathRenew, func(w http.ResponseWriter, r *http.Request) {
		cert := presented(r)
		var renewal Renewal
		if cert == nil {
			refuse(w, errNoCertificate)
			return
		}
		if !read(w, r, &renewal) {
			return
		}
		answer, err := registry.Renew(r.Context(), cert, renewal.CSR)
		if err != nil {
			log.WarnContext(r.Context(), "a node may not renew its certificate", "host", cert.Subject.CommonName, "from", r.RemoteAddr, "error", err)
			refuse(w, err)
			return
		}
		log.InfoContext(r.Context(), "a node has a new certificate", "host", answer.Host)
		answer.Terms = terms
		write(w, http.StatusOK, answer)
	})
	mux.HandleFunc("GET "+PathStanding, func(w http.ResponseWriter, r *http.Request) {
		cert := presented(r)
		if cert == nil {
			refuse(w, errNoCertificate)
			return
		}
		if err := registry.Admit(r.Context(), cert); err != nil {
			refuse(w, err)
			return
		}
		write(w, http.StatusOK, Standing{Host: cert.Subject.CommonName, Expires: cert.NotAfter, Now: time.Now().UTC(), Terms: terms})
	})
	return mux
}

// seldom lets something be told once in a while.
type seldom struct {
	mu     sync.Mutex
	last   time.Time
	untold int
}

const seldomEvery = time.Second

// ask tells whether it may be told now, and how often it could not be since it
// was told last.
func (s *seldom) ask(now time.Time) (untold int, tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.last) < seldomEvery {
		s.untold++
		return 0, false
	}
	untold, s.untold, s.last = s.untold, 0, now
	return untold, true
}

// briefly is how much of what a stranger says is told, in bytes.
const briefly = 300

func brief(text string) string {
	if len(text) <= briefly {
		return text
	}
	return text[:briefly] + "…"
}

var errNoCertificate = errs.New(errs.Forbidden, "The node API is for nodes with a certificate of this cloud.")

// presented is the client's certificate, verified by TLS; nil without.
func presented(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		refuse(w, errs.Wrap(err, errs.Invalid, "The request is not understood."))
		return false
	}
	return true
}

var statusOf = map[errs.Kind]int{
	errs.Invalid: http.StatusBadRequest, errs.Forbidden: http.StatusForbidden, errs.NotFound: http.StatusNotFound,
	errs.Conflict: http.StatusConflict, errs.Unavailable: http.StatusServiceUnavailable,
}

func refuse(w http.ResponseWriter, err error) {
	said := refusal{Error: "The server failed; its log says why.", Kind: errs.Internal}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		said = refusal{Error: e.Message, Kind: e.Kind}
	}
	status, ok := statusOf[said.Kind]
	if !ok {
		status = http.StatusInternalServerError
	}
	write(w, status, said)
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked may be gone
}
