package image

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// The states of a task.
const (
	TaskPending    = "pending"
	TaskProcessing = "processing"
	TaskSuccess    = "success"
	TaskFailure    = "failure"
)

// The types of tasks: imports, and looking at what locations lead to.
const (
	TaskType     = "api_image_import"
	LocationType = "location_import"
)

// Type is what the task does, by the name that Glance has for it.
func (t *Task) Type() string {
	if t.Method == LocationCheck {
		return LocationType
	}
	return TaskType
}

// taskLife is how long a finished task can be looked at, as in Glance.
const taskLife = 48 * time.Hour

// Task is an import: what was asked for, and how it stands. It is worked on
// until it is finished, by one server after another when it must be.
type Task struct {
	bun.BaseModel `bun:"table:image_tasks,alias:k"`

	ID        string `bun:",pk"`
	ImageID   string
	Owner     string // project id of who asked
	UserID    string
	RequestID string
	Status    string
	Method    string
	URI       string `bun:"uri"`
	Input     string // JSON, as Glance shows it
	Message   string // how far it is, or why it failed
	Server    string
	SeenAt    time.Time
	Attempts  int64
	CreatedAt time.Time
	UpdatedAt time.Time
	ExpiresAt *time.Time // once it is finished
}

// input is the JSON of a task's input.
func (r ImportRequest) input(imageID string, stores []string) (string, error) {
	b, err := json.Marshal(map[string]any{"image_id": imageID, "import_req": r.Body, "backend": stores})
	if err != nil {
		return "", fmt.Errorf("write the task's input: %w", err)
	}
	return string(b), nil
}

// plan reads which stores an import is for from the task's input.
func (t *Task) plan() (plan, error) {
	var input struct {
		Request struct {
			All *bool `json:"all_stores_must_succeed"`
		} `json:"import_req"`
		Stores []string `json:"backend"`
	}
	if err := json.Unmarshal([]byte(t.Input), &input); err != nil {
		return plan{}, fmt.Errorf("read the task's input: %w", err)
	}
	all := input.Request.All == nil || *input.Request.All
	return plan{all: all, stores: input.Stores, left: slices.Clone(input.Stores)}, nil
}

// TaskQuery is which tasks are asked for.
type TaskQuery struct {
	Status string // "" is any
	Type   string // "" is any; a name that no task has finds none
	Sort   store.Order
	Limit  int    // 0 is none at all
	Marker string // id of the last task of the page before
}

// TaskSortKeys are the attributes that tasks can be ordered by.
var TaskSortKeys = []string{"id", "status", "created_at", "updated_at", "expires_at", "type", "owner"}

// Tasks lists tasks, for administrators, as Glance has it.
func (s *Service) Tasks(ctx context.Context, c *policy.Caller, query TaskQuery) ([]Task, error) {
	if err := rules.Check("tasks_api_access", c, policy.Own(c)); err != nil {
		return nil, err
	}
	if query.Status != "" && !slices.Contains([]string{TaskPending, TaskProcessing, TaskSuccess, TaskFailure}, query.Status) {
		return nil, errs.New(errs.Invalid, "Invalid status value: %s", query.Status)
	}
	if query.Type != "" && query.Type != "import" && query.Type != TaskType && query.Type != LocationType {
		return nil, errs.New(errs.Invalid, "Invalid type value: %s", query.Type)
	}
	key := query.Sort.Key
	if key == "" {
		key, query.Sort.Desc = "created_at", true
	}
	if !slices.Contains(TaskSortKeys, key) {
		return nil, errs.New(errs.Invalid, "Invalid sort key: %s", key)
	}
	found := []Task{}
	q := s.db.Read().NewSelect().Model(&found).Where("(k.expires_at IS NULL OR k.expires_at > ?)", now())
	if query.Status != "" {
		q = q.Where("k.status = ?", query.Status)
	}
	switch query.Type {
	case TaskType:
		q = q.Where("k.method <> ?", LocationCheck)
	case LocationType:
		q = q.Where("k.method = ?", LocationCheck)
	}
	q, err := s.taskPage(ctx, q, key, query)
	if err != nil || query.Limit == 0 || query.Type == "import" {
		return found, err
	}
	if err := q.Limit(int64(min(query.Limit, MaxPage))).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	return found, nil
}

// taskPage orders, the id after the key, and keeps what is behind the marker.
func (s *Service) taskPage(ctx context.Context, q *bun.SelectQuery, key string, query TaskQuery) (*bun.SelectQuery, error) {
	column, direction, op := "k."+key, "ASC", ">"
	switch key {
	case "type":
		column = "(CASE WHEN k.method = '" + LocationCheck + "' THEN '" + LocationType + "' ELSE '" + TaskType + "' END)"
	case "expires_at": // what runs expires last
		column = "COALESCE(k.expires_at, k.updated_at)"
	}
	if query.Sort.Desc {
		direction, op = "DESC", "<"
	}
	q = q.OrderExpr(column + " " + direction).OrderExpr("k.id " + direction)
	if query.Marker == "" {
		return q, nil
	}
	db := s.db.Read()
	there, err := db.NewSelect().Model((*Task)(nil)).Where("k.id = ?", query.Marker).Exists(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the marker: %w", err)
	}
	if !there {
		return nil, errs.New(errs.Invalid, "No task found with ID %s", query.Marker)
	}
	of := db.NewSelect().TableExpr("image_tasks AS k").ColumnExpr(column).Where("k.id = ?", query.Marker)
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where(column+" "+op+" (?)", of).WhereOr("("+column+" = (?) AND k.id "+op+" ?)", of, query.Marker)
	}), nil
}

// Task finds one task, for administrators.
func (s *Service) Task(ctx context.Context, c *policy.Caller, id string) (Task, error) {
	if err := rules.Check("tasks_api_access", c, policy.Own(c)); err != nil {
		return Task{}, err
	}
	var t Task
	err := s.db.Read().NewSelect().Model(&t).Where("k.id = ?", id).Where("(k.expires_at IS NULL OR k.expires_at > ?)", now()).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return t, errs.New(errs.NotFound, "No task found with ID %s", id)
	}
	if err != nil {
		return t, fmt.Errorf("find task: %w", err)
	}
	return t, nil
}

// ImageTasks lists the tasks of an image that the caller may see, those that
// are their project's, the first one first.
func (s *Service) ImageTasks(ctx context.Context, c *policy.Caller, imageID string) ([]Task, error) {
	i, err := s.Get(ctx, c, imageID)
	if err != nil {
		return nil, err
	}
	found := []Task{}
	q := s.db.Read().NewSelect().Model(&found).Where("k.image_id = ?", i.ID).Where("(k.expires_at IS NULL OR k.expires_at > ?)", now()).Order("k.created_at", "k.id")
	if !c.IsAdmin() {
		q = q.Where("k.owner = ?", c.ProjectID)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list the image's tasks: %w", err)
	}
	return found, nil
}

// errLost is that another server works on the task now.
var errLost = errors.New("the task is another server's now")

// change writes to a task that this server works on.
func (t Task) change(ctx context.Context, tx *store.Tx, set func(q *bun.UpdateQuery) *bun.UpdateQuery) error {
	q := tx.NewUpdate().Model((*Task)(nil)).Set("seen_at = ?", now()).Set("updated_at = ?", now()).
		Where("id = ?", t.ID).Where("status = ?", TaskProcessing).Where("attempts = ?", t.Attempts)
	result, err := set(q).Exec(ctx)
	if err != nil {
		return fmt.Errorf("update task: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("update task: %w", err)
	}
	if n == 0 {
		return errLost
	}
	return nil
}

// tell says how far the task is.
func (t Task) tell(ctx context.Context, tx *store.Tx, message string) error {
	return t.change(ctx, tx, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("message = ?", message) })
}

func (t Task) succeed(ctx context.Context, tx *store.Tx) error {
	return t.change(ctx, tx, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("status = ?", TaskSuccess).Set("expires_at = ?", now().Add(taskLife))
	})
}

func (t Task) fail(ctx context.Context, tx *store.Tx, message string) error {
	return t.change(ctx, tx, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("status = ?", TaskFailure).Set("message = ?", message).Set("expires_at = ?", now().Add(taskLife))
	})
}

func dropExpiredTasks(ctx context.Context, tx *store.Tx) error {
	if _, err := tx.NewDelete().Model((*Task)(nil)).Where("expires_at < ?", now()).Exec(ctx); err != nil {
		return fmt.Errorf("delete expired tasks: %w", err)
	}
	return nil
}
