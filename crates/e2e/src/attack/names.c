/* An internet on this machine, for the server under attack: names resolve as an attacker would have them, and one public
 * address is 127.0.0.2. Nothing else can be reached: a broken server must not call a real network. Preloaded, so that nothing of
 * the server knows of it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define PUBLIC "93.184.216.34"

static const struct { const char *name, *first, *then; } NAMES[] = {
    { "public.test", PUBLIC, PUBLIC },
    { "rebind.test", PUBLIC, "127.0.0.1" },
    { "localhost.", "127.0.0.1", "127.0.0.1" },
    { "loopback.test", "127.0.0.1", "127.0.0.1" },
    { "loopback6.test", "::1", "::1" },
    { "mapped.test", "::ffff:127.0.0.1", "::ffff:127.0.0.1" },
    { "any.test", "0.0.0.0", "0.0.0.0" },
    { "metadata.test", "169.254.169.254", "169.254.169.254" },
    { "inside.test", "10.0.0.1", "10.0.0.1" },
};

static int asked[sizeof NAMES / sizeof *NAMES];

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    for (unsigned at = 0; node && at < sizeof NAMES / sizeof *NAMES; at++)
        if (!strcmp(node, NAMES[at].name))
            return real(__sync_fetch_and_add(&asked[at], 1) ? NAMES[at].then : NAMES[at].first, service, hints, result);
    /* Both at once: whoever takes the first that answers may be led inside. */
    if (node && !strcmp(node, "mixed.test")) {
        struct addrinfo *last;
        int error = real("127.0.0.1", service, hints, result);
        if (error) return error;
        for (last = *result; last->ai_next; last = last->ai_next) {}
        return real(PUBLIC, service, hints, &last->ai_next);
    }
    return real(node, service, hints, result);
}

int connect(int fd, const struct sockaddr *to, socklen_t length) {
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    struct sockaddr_in other;
    if (to->sa_family == AF_INET) {
        in_addr_t v4 = ((const struct sockaddr_in *)to)->sin_addr.s_addr;
        if (v4 == inet_addr(PUBLIC)) {
            other = *(const struct sockaddr_in *)to;
            other.sin_addr.s_addr = inet_addr("127.0.0.2");
            return real(fd, (struct sockaddr *)&other, sizeof other);
        }
        if (v4 && ntohl(v4) >> 24 != 127) return errno = ENETUNREACH, -1;
    }
    if (to->sa_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)to)->sin6_addr;
        if (!IN6_IS_ADDR_LOOPBACK(v6) && !IN6_IS_ADDR_UNSPECIFIED(v6) && !IN6_IS_ADDR_V4MAPPED(v6)) return errno = ENETUNREACH, -1;
    }
    return real(fd, to, length);
}
