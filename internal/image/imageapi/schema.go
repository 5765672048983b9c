package imageapi

import (
	"wisp/internal/api"
	"wisp/internal/image"
)

type object = map[string]any

func (f *face) schema(make func() object) api.Handler {
	return func(*api.Request) (any, error) { return make(), nil }
}

const uuidPattern = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"

func attribute(kind any, description string, more ...object) object {
	a := object{"type": kind, "description": description}
	for _, m := range more {
		for name, value := range m {
			a[name] = value
		}
	}
	return a
}

func withNull(values []string) []any {
	all := []any{nil}
	for _, v := range values {
		all = append(all, v)
	}
	return all
}

var (
	readOnly   = object{"readOnly": true}
	textOrNull = []string{"null", "string"}
	noBase     = object{"is_base": false}
)

func properties() object {
	intOrNull := []string{"null", "integer"}
	limit := func(n int) object { return object{"maxLength": n} }
	return object{
		"id":               attribute("string", "An identifier for the image", object{"pattern": uuidPattern}),
		"name":             attribute(textOrNull, "Descriptive name for the image", limit(255)),
		"status":           attribute("string", "Status of the image", readOnly, object{"enum": []string{"queued", "saving", "active", "killed", "deleted", "uploading", "importing", "pending_delete", "deactivated"}}),
		"visibility":       attribute("string", "Scope of image accessibility", object{"enum": image.Visibilities}),
		"protected":        attribute("boolean", "If true, image will not be deletable."),
		"os_hidden":        attribute("boolean", "If true, image will not appear in default image list response."),
		"checksum":         attribute(textOrNull, "md5 hash of image contents.", readOnly, limit(32)),
		"os_hash_algo":     attribute(textOrNull, "Algorithm to calculate the os_hash_value", readOnly, limit(64)),
		"os_hash_value":    attribute(textOrNull, "Hexdigest of the image contents using the algorithm specified by the os_hash_algo", readOnly, limit(128)),
		"owner":            attribute(textOrNull, "Owner of the image", limit(255)),
		"size":             attribute(intOrNull, "Size of image file in bytes", readOnly),
		"virtual_size":     attribute(intOrNull, "Virtual size of image in bytes", readOnly),
		"container_format": attribute(textOrNull, "Format of the container", object{"enum": withNull(image.ContainerFormats)}),
		"disk_format":      attribute(textOrNull, "Format of the disk", object{"enum": withNull(image.DiskFormats)}),
		"created_at":       attribute("string", "Date and time of image registration", readOnly),
		"updated_at":       attribute("string", "Date and time of the last image modification", readOnly),
		"tags":             attribute("array", "List of strings related to the image", object{"items": object{"type": "string", "maxLength": 255}}),
		"direct_url":       attribute("string", "URL to access the image file kept in external store", readOnly),
		"min_ram":          attribute("integer", "Amount of ram (in MB) required to boot image."),
		"min_disk":         attribute("integer", "Amount of disk space (in GB) required to boot image."),
		"self":             attribute("string", "An image self url", readOnly),
		"file":             attribute("string", "An image file url", readOnly),
		"stores":           attribute("string", "Store in which image data resides, where there is more than one.", readOnly),
		"schema":           attribute("string", "An image schema url", readOnly),
		"locations": attribute("array", "A set of URLs to access the image file kept in external store", object{"items": object{
			"type": "object", "required": []string{"url", "metadata"},
			"properties": object{
				"url": object{"type": "string", "maxLength": 255}, "metadata": object{"type": "object"},
				"validation_data": object{
					"description": "What the data are, to be given with the location. It is shown as that of the image.",
					"type":        "object", "writeOnly": true, "additionalProperties": false, "required": []string{"os_hash_algo", "os_hash_value"},
					"properties": object{
						"checksum":     object{"type": "string", "minLength": 32, "maxLength": 32},
						"os_hash_algo": object{"type": "string", "maxLength": 64}, "os_hash_value": object{"type": "string", "maxLength": 128},
					},
				},
			},
		}}),
		"kernel_id":     attribute(textOrNull, "ID of the image that is the kernel when booting an AMI-style image.", noBase, object{"pattern": uuidPattern}),
		"ramdisk_id":    attribute(textOrNull, "ID of the image that is the ramdisk when booting an AMI-style image.", noBase, object{"pattern": uuidPattern}),
		"instance_uuid": attribute("string", "The instance that this image is a snapshot of; information only.", noBase),
		"architecture":  attribute("string", "Operating system architecture", noBase),
		"os_distro":     attribute("string", "Common name of operating system distribution", noBase),
		"os_version":    attribute("string", "Operating system version as specified by the distributor.", noBase),
		"description":   attribute("string", "A human-readable string describing this image.", noBase),
	}
}

func imageSchema() object {
	return object{
		"name": "image", "properties": properties(), "additionalProperties": object{"type": "string"},
		"links": []object{{"rel": "self", "href": "{self}"}, {"rel": "enclosure", "href": "{file}"}, {"rel": "describedby", "href": "{schema}"}},
	}
}

func imagesSchema() object {
	return object{
		"name": "images",
		"properties": object{
			"images": object{"type": "array", "items": imageSchema()},
			"first":  object{"type": "string"}, "next": object{"type": "string"}, "schema": object{"type": "string"},
		},
		"links": []object{{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}, {"rel": "describedby", "href": "{schema}"}},
	}
}

func memberSchema() object {
	return object{
		"name": "member",
		"properties": object{
			"created_at": attribute("string", "Date and time of image member creation"),
			"image_id":   attribute("string", "An identifier for the image", object{"pattern": uuidPattern}),
			"member_id":  attribute("string", "An identifier for the image member (tenantId)"),
			"schema":     attribute("string", "The schema of a member", readOnly),
			"status":     attribute("string", "The status of this image member", object{"enum": []string{"pending", "accepted", "rejected"}}),
			"updated_at": attribute("string", "Date and time of last modification of image member"),
		},
	}
}

func membersSchema() object {
	return object{
		"name": "members",
		"properties": object{
			"members": object{"type": "array", "items": memberSchema()},
			"schema":  object{"type": "string"},
		},
		"links": []object{{"rel": "describedby", "href": "{schema}"}},
	}
}
