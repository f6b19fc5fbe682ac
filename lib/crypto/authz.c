/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access lists. Rules are tried in their order; the first that matches decides, and the policy where none does. A list without a policy denies.
 * A file is read once, when the object is made: a program under its filter opens nothing later.
 */
#include "crypto/authz.h"

#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/object-type.h"

struct rule {
	char *match;
	bool glob, allow;
};

struct authz {
	unsigned refs;
	struct rule *rules;
	size_t count;
	bool policy;
};

void authz_unref(struct authz *a)
{
	if (!a || __atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (size_t i = 0; i < a->count; i++)
		free(a->rules[i].match);
	free(a->rules);
	free(a);
}

struct authz *authz_ref(struct authz *a)
{
	__atomic_add_fetch(&a->refs, 1, __ATOMIC_RELAXED);
	return a;
}

bool authz_allows(struct authz *a, const char *identity)
{
	if (!identity)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct rule *r = &a->rules[i];
		if (r->glob ? !fnmatch(r->match, identity, 0) : !strcmp(r->match, identity))
			return r->allow;
	}
	return a->policy;
}

static int policy(const json_t *props, const char *key, bool *allow, struct err *e)
{
	const char *v;
	int r = prop_string(props, key, &v, e);

	if (r < 0 || !v)
		return r;
	if (strcmp(v, "allow") && strcmp(v, "deny"))
		return err_set(e, EINVAL, "%s=%s: one of allow, deny", key, v);
	*allow = *v == 'a';
	return 0;
}

static int rule(struct rule *r, const json_t *o, struct err *e)
{
	static const char *const allowed[] = {"match", "policy", "format", NULL};
	const char *match, *format;

	if (!json_is_object(o))
		return err_set(e, EINVAL, "a rule is an object with match, policy and format");
	if (prop_check(o, "authz-list", allowed, e) < 0 || prop_string(o, "match", &match, e) < 0 || prop_string(o, "format", &format, e) < 0)
		return -e->code;
	if (!match || !json_object_get(o, "policy"))
		return err_set(e, EINVAL, "a rule needs match= and policy=");
	if (format && strcmp(format, "exact") && strcmp(format, "glob"))
		return err_set(e, EINVAL, "format=%s: one of exact, glob", format);
	r->glob = format && *format == 'g';
	r->match = strdup(match);
	return r->match ? policy(o, "policy", &r->allow, e) : err_set(e, ENOMEM, "out of memory");
}

/* "policy" and "rules" of an object or of a file. */
static int take_list(struct authz *a, const json_t *o, struct err *e)
{
	const json_t *rules = json_object_get(o, "rules");
	int r = policy(o, "policy", &a->policy, e);

	if (r < 0 || !rules)
		return r;
	if (!json_is_array(rules))
		return err_set(e, EINVAL, "rules is a list: rules.0.match=NAME,rules.0.policy=allow,...");
	a->rules = calloc(json_array_size(rules) + 1, sizeof *a->rules);
	if (!a->rules)
		return err_set(e, ENOMEM, "out of memory");
	for (; a->count < json_array_size(rules) && !r; a->count++)
		r = rule(&a->rules[a->count], json_array_get(rules, a->count), e);
	return r;
}

static int take_file(struct authz *a, const char *name, struct err *e)
{
	static const char *const allowed[] = {"policy", "rules", NULL};
	json_error_t bad;
	json_t *o = json_load_file(name, 0, &bad);
	int r;

	if (!json_is_object(o))
		r = err_set(e, EINVAL, "%s: %s", name, o ? "it holds no JSON object with policy and rules" : bad.text);
	else if ((r = prop_check(o, "authz-list-file", allowed, e)) == 0)
		r = take_list(a, o, e);
	json_decref(o);
	return r;
}

int authz_make(const char *type, const json_t *props, struct authz **out, struct err *e)
{
	static const char *const simple[] = {"identity", NULL}, *const list[] = {"policy", "rules", NULL}, *const file[] = {"filename", "refresh", NULL};
	const char *value = NULL;
	struct authz *a = calloc(1, sizeof *a);
	bool refresh = false;
	int r;

	if (!a)
		return err_set(e, ENOMEM, "out of memory");
	a->refs = 1;
	if (!strcmp(type, "authz-simple")) {
		r = prop_check(props, type, simple, e);
		if (!r)
			r = prop_string(props, "identity", &value, e);
		if (!r && !value)
			r = err_set(e, EINVAL, "authz-simple needs identity=NAME, a client certificate's distinguished name");
		a->rules = r ? NULL : calloc(1, sizeof *a->rules);
		if (!r && (!a->rules || !(a->rules->match = strdup(value))))
			r = err_set(e, ENOMEM, "out of memory");
		if (a->rules) {
			a->rules->allow = true;
			a->count = 1;
		}
	} else if (!strcmp(type, "authz-list")) {
		r = prop_check(props, type, list, e);
		if (!r)
			r = take_list(a, props, e);
	} else {
		r = prop_check(props, type, file, e);
		if (!r)
			r = prop_string(props, "filename", &value, e);
		if (!r && !value)
			r = err_set(e, EINVAL, "authz-list-file needs filename=FILE");
		if (!r)
			r = prop_bool(props, "refresh", &refresh, e);
		if (!r && refresh)
			r = err_set(e, ENOTSUP, "refresh=on is not possible: the file is read once, for the filter opens nothing later");
		if (!r)
			r = take_file(a, value, e);
	}
	if (r < 0) {
		authz_unref(a);
		return r;
	}
	*out = a;
	return 0;
}
