package image

import (
	"wisp/internal/errs"
	"wisp/internal/policy"
)

// Rules are the policy rules by Glance's names. The table of routes checks
// the caller's role with them; the slice checks them again for the image that
// is meant, because only it knows whose it is.
func Rules() policy.Rules {
	member := policy.Or(policy.Admin, policy.Project("member"))
	reader := policy.Or(policy.Admin, policy.Project("reader"))
	return policy.Rules{
		"add_image": member, "delete_image": member, "modify_image": member, "upload_image": member, "download_image": member,
		"get_image": reader, "get_images": reader,
		"publicize_image": policy.Admin, "communitize_image": member,
		"set_image_location": member, "get_image_location": reader, "delete_image_location": member, "copy_image": policy.Admin,
		"tasks_api_access": policy.Admin, "stores_info_detail": policy.Admin,
		"cache_list": policy.Admin, "cache_image": policy.Admin, "cache_delete": policy.Admin,
		"deactivate": member, "reactivate": member,
		"add_member": member, "delete_member": member, "modify_member": member, "get_member": reader, "get_members": reader,
	}
}

var rules = Rules()

// allow checks a rule for an image that the caller can see.
func allow(rule string, c *policy.Caller, i *Image) error {
	if err := rules.Check(rule, c, policy.Target{ProjectID: i.Owner}); err != nil {
		return errs.Wrap(err, errs.Forbidden, "You are not authorized to complete %s action.", rule)
	}
	return nil
}

func notFound(id string) error { return errs.New(errs.NotFound, "No image found with ID %s", id) }
