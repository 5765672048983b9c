// Package console carries the consoles of instances to browsers and other
// clients over WebSockets: the bytes of a serial port, or RFB. Proxy is its
// handler, Consoles what it needs of the cloud. It knows no slice; a token that
// is good for once says what is opened.
//
// What goes wrong before the WebSocket is there is an HTTP status; afterwards
// it is a close code (Code…) with a sentence for people.
package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"wisp/internal/errs"
	"wisp/internal/nodeapi"
)

// Close codes (RFC 6455, section 7.4) that a viewer gets.
const (
	CodeEnded     = websocket.StatusNormalClosure // the machine has ended
	CodeAway      = websocket.StatusTryAgainLater // its host is away, or the console could not be opened
	CodeTakenOver = websocket.StatusCode(4001)    // somebody has opened the same serial console
)

const (
	openTimeout  = 30 * time.Second
	pingEvery    = 30 * time.Second // and how long a viewer may take to answer
	chunk        = 32 << 10
	maxOpen      = 500 // consoles of this server
	maxOpenOfOne = 16  // of one instance
	reasonLength = 123 // bytes, as the protocol has it
)

// Target is what a token has opened the way to.
type Target struct {
	InstanceID string
	Open       func(ctx context.Context) (nodeapi.Stream, error)
}

// Consoles turns tokens into consoles. Take uses a token up: NotFound for one
// that is not valid for a console of the kind, Conflict when the machine does
// not run.
type Consoles interface {
	Take(ctx context.Context, token, kind string) (Target, error)
}

// Proxy serves WebSockets.
type Proxy struct {
	consoles Consoles
	public   *url.URL
	log      *slog.Logger
	ping     time.Duration

	mu         sync.Mutex
	open       int
	ofInstance map[string]int
}

// New returns the proxy of the cloud that browsers reach at a URL.
func New(consoles Consoles, publicURL string, log *slog.Logger) (*Proxy, error) {
	public, err := url.Parse(publicURL)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "The cloud's URL cannot be read.")
	}
	return &Proxy{consoles: consoles, public: public, log: log, ping: pingEvery, ofInstance: map[string]int{}}, nil
}

// Handler serves the consoles of a kind (nodeapi.Console…): a WebSocket with
// the token in the query, whose binary messages are the console's bytes. The
// subprotocol is "binary" when that is offered.
func (p *Proxy) Handler(kind string) http.HandlerFunc { return p.handler(kind, inQuery, p.refuse) }

// Websockify serves displays to noVNC's own pages and to others that look for
// consoles where nova-novncproxy has them: the token is in the query, or for
// noVNC before 1.1 in a cookie. A refusal has no body, which such clients
// would take for RFB.
func (p *Proxy) Websockify() http.HandlerFunc {
	return p.handler(nodeapi.ConsoleVNC, inQueryOrCookie, func(w http.ResponseWriter, r *http.Request, kind string, err error) {
		w.Header().Set("Connection", "close")
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(p.refusal(r, kind, err))
	})
}

func inQuery(r *http.Request) string { return r.URL.Query().Get("token") }

func inQueryOrCookie(r *http.Request) string {
	if token := inQuery(r); token != "" {
		return token
	}
	if cookie, err := r.Cookie("token"); err == nil {
		return cookie.Value
	}
	return ""
}

func (p *Proxy) handler(kind string, token func(*http.Request) string, refuse func(http.ResponseWriter, *http.Request, string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// No store: an answer that a cache kept would be for a used token.
		w.Header().Set("Cache-Control", "no-store")
		if !p.sameSite(r) {
			http.Error(w, "Consoles are for pages of this cloud alone.", http.StatusForbidden)
			return
		}
		if !asksForWebSocket(r) {
			w.Header().Set("Upgrade", "websocket")
			http.Error(w, "A console is a WebSocket.", http.StatusUpgradeRequired)
			return
		}
		if !p.enter() {
			// The token stays good.
			tooMany(w, "Too many consoles are open on this server; close some, or try again later.")
			return
		}
		defer p.leave()
		target, err := p.consoles.Take(r.Context(), token(r), kind)
		if err != nil {
			refuse(w, r, kind, err)
			return
		}
		if !p.enterInstance(target.InstanceID) {
			tooMany(w, "Too many consoles of this instance are open; close some, and ask for a new one.")
			return
		}
		defer p.leaveInstance(target.InstanceID)
		// Whose page it is was checked above.
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"binary"}, InsecureSkipVerify: true})
		if err != nil {
			p.log.InfoContext(r.Context(), "a console was not connected", "instance", target.InstanceID, "kind", kind, "error", err)
			return
		}
		p.serve(r.Context(), ws, target, kind, r.RemoteAddr)
	}
}

// enter counts a console in, unless this server has as many as it can have.
func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open >= maxOpen {
		return false
	}
	p.open++
	return true
}

func (p *Proxy) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
}

// enterInstance is enter for the consoles of one instance.
func (p *Proxy) enterInstance(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ofInstance[id] >= maxOpenOfOne {
		return false
	}
	p.ofInstance[id]++
	return true
}

func (p *Proxy) leaveInstance(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ofInstance[id]--; p.ofInstance[id] == 0 {
		delete(p.ofInstance, id)
	}
}

func tooMany(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", "30")
	http.Error(w, why, http.StatusTooManyRequests)
}

// sameSite tells whether the page that asks is of this cloud: by its public
// URL, or by the name that the request came to. Who is no browser sends no
// Origin.
func (p *Proxy) sameSite(r *http.Request) bool {
	given := r.Header.Values("Origin")
	if len(given) == 0 {
		return true
	}
	origin, err := url.Parse(given[0])
	if err != nil || len(given) > 1 || origin.Host == "" || origin.Scheme != "https" && origin.Scheme != "http" {
		return false
	}
	if strings.EqualFold(origin.Host, p.public.Host) && origin.Scheme == p.public.Scheme {
		return true
	}
	return strings.EqualFold(origin.Host, r.Host) && (r.TLS == nil || origin.Scheme == "https")
}

// asksForWebSocket tells whether a request can become a WebSocket. Nothing
// else may use a token up, a link that is looked at ahead least of all.
func asksForWebSocket(r *http.Request) bool {
	has := func(name, word string) bool {
		for _, value := range r.Header.Values(name) {
			for part := range strings.SplitSeq(value, ",") {
				if strings.EqualFold(strings.TrimSpace(part), word) {
					return true
				}
			}
		}
		return false
	}
	return r.Method == http.MethodGet && has("Connection", "upgrade") && has("Upgrade", "websocket") &&
		has("Sec-WebSocket-Version", "13") && r.Header.Get("Sec-WebSocket-Key") != ""
}

// refuse answers who has no valid token.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, kind string, err error) {
	text := "The console could not be opened."
	switch {
	case errs.Is(err, errs.NotFound):
		text = "The token is unknown, used or expired; ask for a new console."
	case errs.Is(err, errs.Conflict):
		text = message(err)
	}
	http.Error(w, text, p.refusal(r, kind, err))
}

// refusal is the status of who has no valid token. The log never has the
// token: neither the URL nor what the client sent is written.
func (p *Proxy) refusal(r *http.Request, kind string, err error) int {
	switch {
	case errs.Is(err, errs.NotFound):
		p.log.InfoContext(r.Context(), "a console was refused", "kind", kind, "client", r.RemoteAddr)
		return http.StatusForbidden
	case errs.Is(err, errs.Conflict):
		return http.StatusConflict
	}
	p.log.ErrorContext(r.Context(), "taking a console failed", "kind", kind, "error", err)
	return http.StatusInternalServerError
}

// message is what of an error is for people.
func message(err error) string {
	if public, ok := errors.AsType[*errs.Error](err); ok && public.Kind != errs.Internal {
		return public.Message
	}
	return "The console could not be opened."
}

// serve opens the console and carries it until it ends or the viewer leaves.
func (p *Proxy) serve(ctx context.Context, ws *websocket.Conn, target Target, kind, client string) {
	defer func() { _ = ws.CloseNow() }() // it is closed, but for a panic
	log := p.log.With("instance", target.InstanceID, "kind", kind, "client", client)
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	stream, err := target.Open(opening)
	cancel()
	if err != nil {
		log.WarnContext(ctx, "opening a console failed", "error", err)
		closeWith(ws, CodeAway, message(err))
		return
	}
	began := time.Now()
	log.InfoContext(ctx, "console opened")
	why := carry(ctx, ws, stream, p.ping)
	log.InfoContext(ctx, "console closed", "took", time.Since(began), "cause", why)
}

// closeWith says why; a viewer that has left already does not hear it.
func closeWith(ws *websocket.Conn, code websocket.StatusCode, why string) {
	if len(why) > reasonLength {
		why = strings.ToValidUTF8(why[:reasonLength], "")
	}
	_ = ws.Close(code, why)
}

// carry copies both ways until either end is over, closes both, and tells why.
func carry(ctx context.Context, ws *websocket.Conn, stream nodeapi.Stream, ping time.Duration) string {
	ctx, cancel := context.WithCancel(ctx)
	ws.SetReadLimit(-1) // messages are copied as they come, whatever their size
	var viewer sync.WaitGroup
	left := make(chan struct{})
	viewer.Go(func() {
		defer close(left)
		defer stream.Close() //nolint:errcheck // as above
		for {
			_, said, err := ws.Reader(ctx)
			if err == nil {
				_, err = io.Copy(stream, said)
			}
			if err != nil {
				return
			}
		}
	})
	viewer.Go(func() {
		defer cancel()       // what a viewer does not take is written for ever otherwise
		defer stream.Close() //nolint:errcheck // as above
		keepAlive(ctx, ws, ping)
	})
	code, why := listen(ctx, ws, stream, left)
	_ = stream.Close() // there is nothing left to lose
	closeWith(ws, code, why)
	cancel() // now, as it cuts the connection
	viewer.Wait()
	return why
}

// listen copies what the console says, and tells why it ended.
func listen(ctx context.Context, ws *websocket.Conn, stream nodeapi.Stream, left <-chan struct{}) (websocket.StatusCode, string) {
	heard := make([]byte, chunk)
	for {
		n, err := stream.Read(heard)
		if n > 0 {
			if failed := ws.Write(ctx, websocket.MessageBinary, heard[:n]); failed != nil {
				return CodeEnded, "The viewer left."
			}
		}
		if err == nil {
			continue
		}
		select {
		case <-left:
			return CodeEnded, "The viewer left."
		default:
		}
		switch {
		case !errors.Is(err, io.EOF):
			return CodeAway, "The connection to the host was lost."
		case stream.Reason() == nodeapi.ReasonTakenOver:
			return CodeTakenOver, "The console was opened somewhere else."
		}
		return CodeEnded, "The console ended."
	}
}

// keepAlive notices viewers that are gone without a word, and keeps
// middleboxes from forgetting a quiet connection.
func keepAlive(ctx context.Context, ws *websocket.Conn, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		waiting, cancel := context.WithTimeout(ctx, every)
		err := ws.Ping(waiting)
		cancel()
		if err != nil {
			return
		}
	}
}
