/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "crypto/object.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyval.h"
#include "crypto/authz.h"
#include "crypto/object-type.h"
#include "crypto/tls.h"

struct object {
	struct object *next;
	char *id;
	const char *type;
	uint8_t *secret; /* type "secret" */
	size_t len;
	struct authz *authz; /* authz-... */
	struct tls_creds *tls; /* the others */
};

struct objects {
	pthread_mutex_t lock;
	struct object *first;
};

static const char *const types[] = {"secret", "tls-creds-anon", "tls-creds-psk", "tls-creds-x509", "authz-simple", "authz-list", "authz-list-file"};

struct objects *objects_new(void)
{
	struct objects *o = calloc(1, sizeof *o);

	if (o)
		pthread_mutex_init(&o->lock, NULL);
	return o;
}

static void object_free(struct object *ob)
{
	if (!ob)
		return;
	secret_free(ob->secret, ob->len);
	tls_creds_unref(ob->tls);
	authz_unref(ob->authz);
	free(ob->id);
	free(ob);
}

void objects_free(struct objects *o)
{
	struct object *ob, *next;

	if (!o)
		return;
	for (ob = o->first; ob; ob = next) {
		next = ob->next;
		object_free(ob);
	}
	pthread_mutex_destroy(&o->lock);
	free(o);
}

bool objects_known_type(const char *type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (!strcmp(type, types[i]))
			return true;
	return false;
}

static struct object *find(struct objects *o, const char *id)
{
	struct object *ob = o->first;

	while (ob && strcmp(ob->id, id))
		ob = ob->next;
	return ob;
}

int prop_string(const json_t *props, const char *key, const char **value, struct err *e)
{
	const json_t *v = json_object_get(props, key);

	*value = NULL;
	if (!v)
		return 0;
	if (!json_is_string(v))
		return err_set(e, EINVAL, "property '%s' must be a string", key);
	*value = json_string_value(v);
	if (strlen(*value) != json_string_length(v))
		return err_set(e, EINVAL, "property '%s' holds a NUL character", key);
	return 0;
}

int prop_bool(const json_t *props, const char *key, bool *value, struct err *e)
{
	static const char *const yes[] = {"on", "yes", "true", "y"}, *const no[] = {"off", "no", "false", "n"};
	const json_t *v = json_object_get(props, key);
	const char *text;

	if (!v)
		return 0;
	if (json_is_boolean(v)) {
		*value = json_is_true(v);
		return 0;
	}
	text = json_string_value(v);
	for (int i = 0; text && i < 4; i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*value = !strcmp(text, yes[i]);
			return 0;
		}
	}
	return err_set(e, EINVAL, "property '%s' must be 'on' or 'off'", key);
}

int prop_check(const json_t *props, const char *type, const char *const *allowed, struct err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)props, key, v)
	{
		const char *const *a = allowed;
		if (!strcmp(key, "qom-type") || !strcmp(key, "id"))
			continue;
		while (*a && strcmp(*a, key))
			a++;
		if (!*a)
			return err_set(e, EINVAL, "object type '%s' has no property '%s'", type, key);
	}
	return 0;
}

/* As the monitor has it: a letter first, then letters, digits, '-', '.', '_'. */
static bool id_ok(const char *id)
{
	if (!((*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z')))
		return false;
	return id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")] == '\0';
}

int objects_add(struct objects *o, const json_t *props, struct err *e)
{
	struct object *ob = NULL;
	const char *type, *id;
	int r;

	if (!json_is_object(props))
		return err_set(e, EINVAL, "an object is given as TYPE,id=ID,PROPERTY=VALUE,...");
	if ((r = prop_string(props, "qom-type", &type, e)) < 0 || (r = prop_string(props, "id", &id, e)) < 0)
		return r;
	if (!type)
		return err_set(e, EINVAL, "Parameter 'qom-type' is missing");
	if (!objects_known_type(type))
		return err_set(e, EINVAL,
			       "unknown object type '%s': use one of secret, tls-creds-anon, tls-creds-psk, "
			       "tls-creds-x509, authz-simple, authz-list, authz-list-file",
			       type);
	if (!id)
		return err_set(e, EINVAL, "Parameter 'id' is missing");
	if (!id_ok(id))
		return err_set(e, EINVAL,
			       "object id '%s' is malformed: a letter, then letters, digits, '-', '.', '_'", id);
	ob = calloc(1, sizeof *ob);
	if (!ob || !(ob->id = strdup(id))) {
		r = err_errno(e, ENOMEM, "cannot add object '%s'", id);
		goto out;
	}
	if (!strcmp(type, "secret"))
		r = secret_make(o, props, &ob->secret, &ob->len, e);
	else if (!strncmp(type, "authz-", 6))
		r = authz_make(type, props, &ob->authz, e);
	else
		r = tls_creds_make(o, type, props, &ob->tls, e);
	if (r < 0)
		goto out;
	pthread_mutex_lock(&o->lock);
	if (find(o, id)) {
		r = err_set(e, EEXIST, "there is an object with id '%s' already", id);
	} else {
		ob->next = o->first;
		o->first = ob;
		ob = NULL;
	}
	pthread_mutex_unlock(&o->lock);
out:
	object_free(ob);
	return r;
}

int objects_add_text(struct objects *o, const char *text, struct err *e)
{
	json_t *props = keyval_parse_object(text, "qom-type", e);
	int r;

	if (!props)
		return e && e->code ? -e->code : -EINVAL;
	r = objects_add(o, props, e);
	json_decref(props);
	return r;
}

int objects_del(struct objects *o, const char *id, struct err *e)
{
	struct object **p, *ob = NULL;

	pthread_mutex_lock(&o->lock);
	for (p = &o->first; *p; p = &(*p)->next)
		if (!strcmp((*p)->id, id)) {
			ob = *p;
			*p = ob->next;
			break;
		}
	pthread_mutex_unlock(&o->lock);
	if (!ob)
		return err_set(e, ENOENT, "object '%s' not found", id);
	object_free(ob);
	return 0;
}

uint8_t *secret_get(struct objects *o, const char *id, size_t *len, struct err *e)
{
	uint8_t *copy = NULL;
	struct object *ob = NULL;

	if (o)
		pthread_mutex_lock(&o->lock);
	if (o)
		ob = find(o, id);
	if (!ob)
		err_set(e, ENOENT, "No secret with id '%s'", id);
	else if (!ob->secret)
		err_set(e, EINVAL, "object '%s' is no secret", id);
	else if (!(copy = malloc(ob->len + 1)))
		err_errno(e, ENOMEM, "cannot read secret '%s'", id);
	if (copy) {
		memcpy(copy, ob->secret, ob->len);
		copy[ob->len] = '\0';
		*len = ob->len;
	}
	if (o)
		pthread_mutex_unlock(&o->lock);
	return copy;
}

struct tls_creds *objects_tls_creds(struct objects *o, const char *id, struct err *e)
{
	struct tls_creds *c = NULL;
	struct object *ob = NULL;

	if (o)
		pthread_mutex_lock(&o->lock);
	if (o)
		ob = find(o, id);
	if (!ob)
		err_set(e, ENOENT, "No TLS credentials with id '%s'", id);
	else if (!ob->tls)
		err_set(e, EINVAL, "Object with id '%s' is not TLS credentials", id);
	else
		c = tls_creds_ref(ob->tls);
	if (o)
		pthread_mutex_unlock(&o->lock);
	return c;
}

struct authz *objects_authz(struct objects *o, const char *id, struct err *e)
{
	struct authz *a = NULL;
	struct object *ob;

	pthread_mutex_lock(&o->lock);
	ob = find(o, id);
	if (!ob)
		err_set(e, ENOENT, "No access list with id '%s'", id);
	else if (!ob->authz)
		err_set(e, EINVAL, "Object with id '%s' is no access list", id);
	else
		a = authz_ref(ob->authz);
	pthread_mutex_unlock(&o->lock);
	return a;
}
