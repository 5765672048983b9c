package imageapi

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/image"
	"wisp/internal/store"
)

// stub is a task in a list.
func stub(t image.Task) map[string]any {
	v := map[string]any{
		"id": t.ID, "type": t.Type(), "status": t.Status, "owner": t.Owner, "created_at": stamp(t.CreatedAt), "updated_at": stamp(t.UpdatedAt),
		"self": "/v2/tasks/" + t.ID, "schema": "/v2/schemas/task",
	}
	if t.ExpiresAt != nil {
		v["expires_at"] = stamp(*t.ExpiresAt)
	}
	return v
}

// result is what a task made; nothing until it did.
func result(t image.Task) any {
	if t.Status != image.TaskSuccess {
		return nil
	}
	return map[string]string{"image_id": t.ImageID}
}

func taskView(t image.Task) map[string]any {
	v := stub(t)
	v["input"], v["result"], v["message"] = json.RawMessage(t.Input), result(t), t.Message
	v["image_id"], v["request_id"], v["user_id"] = t.ImageID, t.RequestID, t.UserID
	return v
}

// imageTaskView is a task in the list of an image's, which Glance takes from
// its database as it is there.
func imageTaskView(t image.Task) map[string]any {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
	v := map[string]any{
		"id": t.ID, "type": t.Type(), "status": t.Status, "owner": t.Owner, "image_id": t.ImageID, "request_id": t.RequestID, "user_id": t.UserID,
		"input": json.RawMessage(t.Input), "result": result(t), "message": t.Message,
		"created_at": at(t.CreatedAt), "updated_at": at(t.UpdatedAt), "expires_at": nil, "deleted": false, "deleted_at": nil,
	}
	if t.ExpiresAt != nil {
		v["expires_at"] = at(*t.ExpiresAt)
	}
	return v
}

func taskQuery(q url.Values) (image.TaskQuery, error) {
	query := image.TaskQuery{
		Status: q.Get("status"), Type: q.Get("type"), Marker: q.Get("marker"), Limit: image.DefaultPage, Sort: store.Order{Key: q.Get("sort_key"), Desc: true},
	}
	for name := range q {
		if !slices.Contains([]string{"status", "type", "marker", "limit", "sort_key", "sort_dir"}, name) {
			return query, errs.New(errs.Invalid, "Tasks have no filter '%s'.", name)
		}
	}
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil {
			return query, errs.New(errs.Invalid, "limit param must be an integer")
		}
		if n < 0 {
			return query, errs.New(errs.Invalid, "limit param must be positive")
		}
		query.Limit = min(n, image.MaxPage)
	}
	switch dir := q.Get("sort_dir"); dir {
	case "", "desc":
	case "asc":
		query.Sort.Desc = false
	default:
		return query, errs.New(errs.Invalid, "Invalid sort direction: %s", dir)
	}
	if query.Sort.Key == "" {
		query.Sort.Key = "created_at"
	}
	return query, nil
}

func (f *face) listTasks(r *api.Request) (any, error) {
	q := r.Query()
	query, err := taskQuery(q)
	if err != nil {
		return nil, err
	}
	found, err := f.svc.Tasks(r.Context(), r.Caller, query)
	if err != nil {
		return nil, err
	}
	tasks := make([]any, len(found))
	for n, t := range found {
		tasks[n] = stub(t)
	}
	link := func(marker string) string {
		q := maps.Clone(q)
		q.Del("marker")
		if marker != "" {
			q.Set("marker", marker)
		}
		if len(q) == 0 {
			return "/v2/tasks"
		}
		return "/v2/tasks?" + q.Encode()
	}
	body := map[string]any{"tasks": tasks, "first": link(""), "schema": "/v2/schemas/tasks"}
	if len(found) > 0 && len(found) == query.Limit {
		body["next"] = link(found[len(found)-1].ID)
	}
	return body, nil
}

func (f *face) showTask(r *api.Request) (any, error) {
	t, err := f.svc.Task(r.Context(), r.Caller, r.Param("task"))
	if err != nil {
		return nil, err
	}
	return taskView(t), nil
}

func (f *face) imageTasks(r *api.Request) (any, error) {
	found, err := f.svc.ImageTasks(r.Context(), r.Caller, r.Param("id"))
	if err != nil {
		return nil, err
	}
	tasks := make([]any, len(found))
	for n, t := range found {
		tasks[n] = imageTaskView(t)
	}
	return map[string]any{"tasks": tasks}, nil
}

func taskProperties() object {
	return object{
		"id":         attribute("string", "An identifier for the task", object{"pattern": uuidPattern}),
		"type":       attribute("string", "What the task does", object{"enum": []string{image.TaskType, image.LocationType}}),
		"status":     attribute("string", "How the task stands", object{"enum": []string{image.TaskPending, image.TaskProcessing, image.TaskSuccess, image.TaskFailure}}),
		"owner":      attribute("string", "The project that owns the task"),
		"expires_at": attribute(textOrNull, "When the finished task is removed"),
		"created_at": attribute("string", "When the task was created"),
		"updated_at": attribute("string", "When the task was updated last"),
		"self":       attribute("string", "The task's own URL", readOnly),
		"schema":     attribute("string", "The URL of the task's schema", readOnly),
	}
}

func taskSchema() object {
	properties := taskProperties()
	properties["input"] = attribute([]string{"null", "object"}, "What the task was asked for")
	properties["result"] = attribute([]string{"null", "object"}, "What the task made")
	properties["message"] = attribute("string", "How far the task is, or why it failed")
	properties["image_id"] = attribute("string", "The task's image")
	properties["request_id"] = attribute("string", "The request that made the task")
	properties["user_id"] = attribute("string", "The user who made the request")
	return object{"name": "task", "properties": properties}
}

func tasksSchema() object {
	return object{
		"name": "tasks",
		"properties": object{
			"tasks": object{"type": "array", "items": object{"name": "task", "properties": taskProperties()}},
			"first": object{"type": "string"}, "next": object{"type": "string"}, "schema": object{"type": "string"},
		},
		"links": []object{{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}, {"rel": "describedby", "href": "{schema}"}},
	}
}
