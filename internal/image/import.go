package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/qcow2"
	"wisp/internal/store"
)

// The methods of import.
const (
	GlanceDirect = "glance-direct" // what was staged
	WebDownload  = "web-download"  // what a URI leads to
	CopyImage    = "copy-image"    // what the image has already, into other stores
)

// How the last import of an image stands.
const (
	Running = "running"
	Done    = "done"
	Failed  = "failed"
)

const (
	importsTopic = "image-imports"
	// importsAtOnce is how many imports a server works on, importsPerProject
	// how many of them are one project's: a slow download holds up its own
	// project alone.
	importsAtOnce     = 8
	importsPerProject = 2
	// importAttempts is how many times an import is begun whose server dies
	// over it.
	importAttempts = 3
	importsEvery   = 15 * time.Second
)

// Source fetches what a URI leads to. Size is negative when it is not known.
// Errors with a kind are shown to who asked for the import.
type Source interface {
	Check(uri string) error
	Fetch(ctx context.Context, uri string) (data io.ReadCloser, size int64, err error)
}

// ImportRequest is how the data of an image are to come.
type ImportRequest struct {
	Method string
	URI    string         // for WebDownload
	Remote *RemoteImage   // for GlanceDownload
	Stores []string       // nil is the default one
	All    bool           // into all stores
	Body   map[string]any // the request as it was, for the task to show
}

// ImportMethods are those that there are.
func (s *Service) ImportMethods() []string {
	methods := []string{GlanceDirect}
	if s.options.Source != nil {
		methods = append(methods, WebDownload)
	}
	if s.options.Remote != nil {
		methods = append(methods, GlanceDownload)
	}
	if len(s.stores) > 1 {
		methods = append(methods, CopyImage)
	}
	return methods
}

// Import makes a task that brings the data of an image, which is importing
// until it is active or, when that fails, queued again. Errors are of kind
// Invalid (the method, the URI, a store that has the data), Conflict (the
// image's state, its formats, an unknown store), TooLarge (over a limit of the
// project), Forbidden, NotFound.
func (s *Service) Import(ctx context.Context, c *policy.Caller, id string, r ImportRequest) (Task, error) {
	if !slices.Contains(s.ImportMethods(), r.Method) {
		return Task{}, errs.New(errs.Invalid, "Unknown import method name '%s'.", r.Method)
	}
	if r.Method != WebDownload && r.URI != "" {
		return Task{}, errs.New(errs.Invalid, "A 'uri' is for the '%s' method only.", WebDownload)
	}
	names, err := s.targets(r)
	if err != nil {
		return Task{}, err
	}
	t := Task{
		ID: uuid.NewString(), ImageID: id, Owner: c.ProjectID, UserID: c.UserID, RequestID: c.RequestID, Status: TaskPending, Method: r.Method, URI: r.URI,
		CreatedAt: now(), UpdatedAt: now(), SeenAt: now(),
	}
	if r.Method == GlanceDownload {
		t.Server = s.options.Server
		s.keepToken(t.ID, c.Token)
	}
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.GetTx(ctx, tx, c, id)
		if err != nil {
			return err
		}
		rule := "modify_image"
		if r.Method == CopyImage {
			rule = "copy_image"
		}
		if err := allow(rule, c, &i); err != nil {
			return err
		}
		if err := s.importable(&i, r); err != nil {
			return err
		}
		into := names
		if r.Method == CopyImage {
			if into, err = copyInto(&i, r, names); err != nil || len(into) == 0 {
				return err
			}
		} else {
			i.Status = Importing
		}
		if t.Input, err = r.input(id, into); err != nil {
			return err
		}
		if err := s.within(ctx, tx, c.ProjectID, importing(&i, r, len(into))); err != nil {
			return err
		}
		i.ImportTask, i.ImportState, i.ImportingStores, i.FailedStores, i.UpdatedAt = t.ID, Running, strings.Join(into, ","), "", now()
		tx.Changed(i.change(store.Update))
		if _, err := tx.NewUpdate().Model(&i).WherePK().Column("status", "import_task", "import_state", "importing_stores", "failed_stores", "updated_at").Exec(ctx); err != nil {
			return fmt.Errorf("update image: %w", err)
		}
		if _, err := tx.NewInsert().Model(&t).Exec(ctx); err != nil {
			return fmt.Errorf("insert task: %w", err)
		}
		tx.Signal(importsTopic)
		return nil
	}, placesLock(id))
	if err != nil {
		s.dropToken(t.ID)
	}
	return t, err
}

// targets are the stores that an import is for. One that is not there is a
// Conflict.
func (s *Service) targets(r ImportRequest) ([]string, error) {
	switch {
	case r.All:
		return s.stores.names(), nil
	case len(r.Stores) == 0:
		return []string{s.options.DefaultStore}, nil
	}
	var names []string
	for _, name := range r.Stores {
		if err := s.CheckStoreName(name); err != nil || name == "" {
			return nil, errs.Wrap(err, errs.Conflict, "Unknown store '%s', or one that is read-only: there are %s.", name, strings.Join(s.stores.names(), ", "))
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// copyInto are the stores that an image is to be copied to; none when all of
// them have it. Who names one that has it is mistaken.
func copyInto(i *Image, r ImportRequest, names []string) ([]string, error) {
	has := i.storedIn()
	if r.All {
		return without(names, has...), nil
	}
	for _, name := range names {
		if slices.Contains(has, name) {
			return nil, errs.New(errs.Invalid, "Image is already present at store '%s'", name)
		}
	}
	return names, nil
}

// importing is what an import into some stores adds to what its project has: the
// size of what is staged or copied, which is known, or one upload more.
func importing(i *Image, r ImportRequest, stores int) map[string]int64 {
	if r.Method != GlanceDirect && r.Method != CopyImage {
		return map[string]int64{SizeTotal: 0, StageTotal: 0, CountUploading: 1}
	}
	more := map[string]int64{SizeTotal: 0}
	if i.Size != nil {
		more[SizeTotal] = int64(stores) * (*i.Size >> 20)
	}
	return more
}

func (s *Service) importable(i *Image, r ImportRequest) error {
	conflict := func(format string, args ...any) error { return errs.New(errs.Conflict, format, args...) }
	switch {
	case r.Method == CopyImage && i.Status != Active:
		return conflict("Only images with status active can be targeted for copying")
	case r.Method == CopyImage && i.HashValue == "":
		return conflict("The data of image %s, which are at a location elsewhere, are not verified.", i.ID)
	case r.Method == CopyImage && i.ImportTask != "":
		return conflict("Image has active task")
	case r.Method == CopyImage:
		return nil
	case i.Status == Active:
		return conflict("Image with status active cannot be target for import")
	case r.Method != GlanceDirect && i.Status != Queued:
		return conflict("Image needs to be in 'queued' state to use '%s' method", r.Method)
	case r.Method == GlanceDirect && (i.Status != Uploading || i.UploadID != ""):
		return conflict("Image needs to be staged before 'glance-direct' method can be used")
	case i.ContainerFormat == "":
		return conflict("'container_format' needs to be set before import")
	case i.DiskFormat == "":
		return conflict("'disk_format' needs to be set before import")
	}
	switch r.Method {
	case WebDownload:
		return s.options.Source.Check(r.URI)
	case GlanceDownload:
		return r.Remote.check()
	}
	return nil
}

// Work works on imports, as they come and those that died servers left, until
// the context ends. What it could not finish by then it leaves for the next.
func (s *Service) Work(ctx context.Context) {
	wake, unsubscribe := s.db.Subscribe(importsTopic)
	defer unsubscribe()
	tick := time.NewTicker(importsEvery)
	defer tick.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	if s.cache != nil {
		running.Go(func() { s.fillCache(ctx) })
	}
	freed := make(chan struct{}, 1)
	for {
		for {
			tasks, err := s.claim(ctx)
			if err != nil && ctx.Err() == nil {
				s.log.ErrorContext(ctx, "imports could not be looked for", "error", err)
			}
			if len(tasks) == 0 {
				break
			}
			for _, t := range tasks {
				running.Go(func() {
					s.work(ctx, t)
					s.mu.Lock()
					delete(s.imports, t.ID)
					s.mu.Unlock()
					select {
					case freed <- struct{}{}:
					default: // somebody said so already
					}
				})
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-freed:
		case <-tick.C:
		}
	}
}

// claim takes tasks that nobody works on, as far as there is place for them.
// It may take fewer than it could: ask until there are none.
func (s *Service) claim(ctx context.Context) ([]Task, error) {
	s.mu.Lock()
	s.dropOldTokens()
	busy, full, has := []string{""}, []string{""}, map[string]int{}
	for id, owner := range s.imports {
		busy = append(busy, id)
		if has[owner]++; has[owner] == importsPerProject {
			full = append(full, owner)
		}
	}
	s.mu.Unlock()
	place := importsAtOnce - (len(busy) - 1)
	if place <= 0 {
		return nil, nil
	}
	var taken []Task
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		taken = nil
		var found []Task
		err := s.withToken(tx.NewSelect().Model(&found)).Where("k.id NOT IN (?)", bun.List(busy)).Where("k.owner NOT IN (?)", bun.List(full)).
			Where("(k.status = ? OR k.status = ? AND (k.server = ? OR k.seen_at < ?))", TaskPending, TaskProcessing, s.options.Server, now().Add(-deadAfter)).
			Order("k.created_at", "k.id").Limit(int64(place)).Scan(ctx)
		if err != nil {
			return err
		}
		var ids []string
		will := maps.Clone(has)
		for _, t := range found {
			if will[t.Owner]++; will[t.Owner] <= importsPerProject {
				t.Attempts++
				taken, ids = append(taken, t), append(ids, t.ID)
			}
		}
		if len(ids) == 0 {
			return nil
		}
		_, err = tx.NewUpdate().Model((*Task)(nil)).Set("status = ?", TaskProcessing).Set("server = ?", s.options.Server).Set("seen_at = ?", now()).
			Set("updated_at = ?", now()).Set("attempts = attempts + 1").Where("id IN (?)", bun.List(ids)).Exec(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim imports: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range taken {
		s.imports[t.ID] = t.Owner
	}
	return taken, nil
}

// work does an import and writes down how it ended.
func (s *Service) work(ctx context.Context, t Task) {
	u := s.newUpload(Importing, -1)
	running, end := u.register(ctx)
	err := s.bring(running, u, t)
	if err != nil {
		err = caused(running, err)
	}
	end()
	late := context.WithoutCancel(ctx)
	if ctx.Err() == nil {
		s.dropToken(t.ID)
	}
	switch {
	case err == nil:
		s.log.InfoContext(ctx, "an image is imported", "image", t.ImageID, "task", t.ID)
		return
	case errors.Is(err, errLost):
		err = s.free(late, blobKey(t.ImageID, u.id), s.stores.names()...)
	case ctx.Err() != nil: // the server ends: it, or another one, begins again
		err = s.db.Tx(late, func(ctx context.Context, tx *store.Tx) error {
			tx.Signal(importsTopic)
			return t.change(ctx, tx, func(q *bun.UpdateQuery) *bun.UpdateQuery {
				return q.Set("status = ?", TaskPending).Set("attempts = attempts - 1").Set("message = ''")
			})
		})
	default:
		s.log.InfoContext(ctx, "an import failed", "image", t.ImageID, "task", t.ID, "error", err)
		err = s.giveUp(late, u, t, err)
	}
	if err != nil && !errors.Is(err, errLost) {
		s.log.ErrorContext(ctx, "an import is left for later", "image", t.ImageID, "task", t.ID, "error", err)
	}
}

var errImageDeleted = errs.New(errs.Gone, "Image has been deleted, aborting import.")

// bring makes the image active with its data.
func (s *Service) bring(ctx context.Context, u *upload, t Task) error {
	if t.Attempts > importAttempts {
		return errs.New(errs.Unavailable, "The import was begun %d times, and each time the server stopped over it.", importAttempts)
	}
	if t.Method == LocationCheck {
		return s.verify(ctx, u, t)
	}
	p, err := t.plan()
	if err != nil {
		return err
	}
	u.settle = func(ctx context.Context, tx *store.Tx, i *Image, key string) error {
		if err := u.activate(ctx, tx, i, key); err != nil {
			return err
		}
		p.show(i, t)
		if len(p.left) == 0 {
			if err := t.succeed(ctx, tx); err != nil {
				return err
			}
		}
		return dropHeld(ctx, tx, i.ID)
	}
	u.alive = func(ctx context.Context, tx *store.Tx) error {
		return t.tell(ctx, tx, fmt.Sprintf("Copied %d MiB", u.total>>20))
	}
	var h held
	active := false
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := find(ctx, tx, t.ImageID)
		active = err == nil && i.ImportTask == t.ID && (i.Status == Active || i.Status == Deactivated)
		if errs.Is(err, errs.NotFound) || err == nil && !active && (i.Status != Importing || i.ImportTask != t.ID) {
			return errImageDeleted
		}
		if err != nil || active {
			return err
		}
		if h, err = findHeld(ctx, tx, i.ID); err != nil {
			return err
		}
		return u.enter(ctx, tx, &i, 0)
	})
	switch {
	case err != nil:
		return err
	case active:
		return s.finish(ctx, u, t)
	case t.Method == GlanceDirect:
		u.plan = &p
		if err := u.adopt(ctx, h); err != nil || len(p.left) == 0 {
			return err
		}
		return s.finish(ctx, s.newUpload(Importing, -1), t)
	case t.Method == WebDownload && s.options.Source == nil, t.Method == GlanceDownload && s.options.Remote == nil:
		return errs.New(errs.Unavailable, "The '%s' method is not available any more.", t.Method)
	}
	for n, name := range p.stores {
		u.store, u.plan = name, &p
		err = s.download(ctx, u, t)
		if err == nil || p.all || !isStoreFault(err) || n == len(p.stores)-1 {
			break
		}
		// The others may take it: the download begins again.
		p.left, p.failed = without(p.left, name), append(p.failed, name)
		again := s.newUpload(Importing, -1)
		again.id, again.settle, again.alive, again.image, again.reserved = u.id, u.settle, u.alive, u.image, u.reserved
		*u = *again
	}
	if err != nil || len(p.left) == 0 {
		return err
	}
	return s.finish(ctx, s.newUpload(Importing, -1), t)
}

// download brings the data from elsewhere into the upload's store, and on.
func (s *Service) download(ctx context.Context, u *upload, t Task) error {
	data, size, err := s.fetch(ctx, t, func(ctx context.Context) (io.ReadCloser, int64, error) {
		if t.Method == GlanceDownload {
			return s.remote(ctx, u, t)
		}
		return s.options.Source.Fetch(ctx, t.URI)
	})
	if err != nil {
		return err
	}
	defer func() { _ = data.Close() }()
	if u.declared = size; size > s.options.MaxSize {
		return tooLarge()
	}
	return u.transfer(ctx, data)
}

// adopt makes what was staged the image's data, if they are what they should
// be. They stay where they are.
func (u *upload) adopt(ctx context.Context, h held) error {
	if h.Blob == "" {
		return errs.New(errs.Conflict, "The staged data are not there.")
	}
	if err := u.resume(h); err != nil {
		return err
	}
	u.in(h.Store)
	staged, err := u.s.store(h.Store)
	if err != nil {
		return err
	}
	info, err := qcow2.Inspect(at{ctx, staged, h}, h.Size)
	if err != nil {
		return err
	}
	if err := u.judge(info); err != nil {
		return err
	}
	if err := u.spread(ctx, h.Blob, u.plan); err != nil {
		return err
	}
	if err := u.end(ctx, h.Blob); err != nil || slices.Contains(u.places, h.Store) {
		return err
	}
	if err := u.s.removeStray(context.WithoutCancel(ctx), u.image.ID, h.Blob, h.Store); err != nil {
		u.s.log.WarnContext(ctx, "what was staged is left for later", "image", u.image.ID, "error", err)
	}
	return nil
}

// fetch waits for the answer of a server, and shows meanwhile that the
// task is at work.
func (s *Service) fetch(ctx context.Context, t Task, open func(ctx context.Context) (io.ReadCloser, int64, error)) (io.ReadCloser, int64, error) {
	type answer struct {
		data io.ReadCloser
		size int64
		err  error
	}
	came := make(chan answer, 1)
	go func() {
		data, size, err := open(ctx)
		came <- answer{data, size, err}
	}()
	tick := time.NewTicker(s.alive)
	defer tick.Stop()
	var lost error
	for {
		select {
		case a := <-came:
			if a.err == nil && lost != nil {
				return nil, 0, errors.Join(lost, a.data.Close())
			}
			return a.data, a.size, errors.Join(lost, a.err)
		case <-tick.C:
			if lost == nil {
				lost = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return t.tell(ctx, tx, "") })
			}
		}
	}
}

// giveUp makes the task a failure, and gives the image back as it was before,
// with nothing staged.
func (s *Service) giveUp(ctx context.Context, u *upload, t Task, why error) error {
	message := "Task failed due to Internal Error"
	if public, ok := errors.AsType[*errs.Error](why); ok && public.Kind != errs.Internal {
		message = public.Message
	}
	if errs.Is(why, errs.Gone) {
		message = errImageDeleted.Message
	}
	var drop string
	err := s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		drop = ""
		if err := t.fail(ctx, tx, message); err != nil {
			return err
		}
		i, err := find(ctx, tx, t.ImageID)
		if err == nil && i.ImportTask == t.ID && (i.Status == Active || i.Status == Deactivated) {
			return s.giveUpCopy(ctx, tx, u, t, i)
		}
		if errs.Is(err, errs.NotFound) || err == nil && (i.Status != Importing || i.ImportTask != t.ID) {
			return nil
		}
		if err != nil {
			return err
		}
		h, err := findHeld(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		drop = h.Blob
		i = i.requeued()
		i.ImportTask, i.ImportState, i.ImportingStores, i.FailedStores = "", Failed, "", i.ImportingStores
		if u.plan != nil && len(u.plan.failed) > 0 {
			i.FailedStores = strings.Join(u.plan.failed, ",")
		}
		return errors.Join(dropHeld(ctx, tx, i.ID), u.write(ctx, tx, i))
	})
	if err != nil {
		return err
	}
	var failed error
	for _, key := range []string{drop, blobKey(t.ImageID, u.id)} {
		if key != "" {
			failed = errors.Join(failed, s.free(ctx, key, s.stores.names()...))
		}
	}
	return failed
}
