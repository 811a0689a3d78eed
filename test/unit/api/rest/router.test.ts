import { describe, expect, it } from "vitest";
import { parsePathTemplate } from "../../../../src/api/rest/path-template.js";
import { Router } from "../../../../src/api/rest/router.js";

const ROUTES = [
  "GET /tasks",
  "POST /tasks",
  "GET /tasks/{id}",
  "DELETE /tasks/{id}",
  "GET /tasks/{id}:watch",
  "GET /tasks/newest",
  "GET /monitor/stats",
  "GET /monitor/stats:watch",
  "GET /foo/bar/{name}",
  "GET /foo/bar/baz/{name}:quux",
  "POST /foo/{id}/{kind=things/*}:cancel",
  "GET /foo/bar/*/{thing_id}/{cat=**}",
  "GET /foo/bar/*/{thing_id}/{cat=**}:fetch",
  "GET /shelves/{name=*/books/*}",
  "GET /a%2Fb",
  "* /any/{x}",
];

function makeRouter(): Router<string> {
  const router = new Router<string>();
  for (const route of ROUTES) {
    const [method = "", template = ""] = route.split(" ");
    router.add(method, parsePathTemplate(template), route);
  }
  return router;
}

describe("Router.match()", () => {
  it.each([
    ["GET", "/tasks", "GET /tasks", []],
    ["POST", "/tasks", "POST /tasks", []],
    ["GET", "/tasks/", "GET /tasks", []],
    ["HEAD", "/tasks", "GET /tasks", []],
    ["GET", "/tasks/1", "GET /tasks/{id}", ["1"]],
    ["GET", "/tasks/1/", "GET /tasks/{id}", ["1"]],
    ["DELETE", "/tasks/1", "DELETE /tasks/{id}", ["1"]],
    ["GET", "/tasks/newest", "GET /tasks/newest", []],
    ["GET", "/tasks/1:watch", "GET /tasks/{id}:watch", ["1"]],
    ["GET", "/tasks/1:watch/", "GET /tasks/{id}:watch", ["1"]],
    ["GET", "/tasks/a%2Fb%20c", "GET /tasks/{id}", ["a/b c"]],
    ["GET", "/tasks/1%3Awatch", "GET /tasks/{id}", ["1:watch"]],
    ["GET", "/tasks/*", "GET /tasks/{id}", ["*"]],
    ["GET", "/%74asks", "GET /tasks", []],
    ["GET", "/monitor/stats:watch", "GET /monitor/stats:watch", []],
    ["GET", "/foo/bar/baz", "GET /foo/bar/{name}", ["baz"]],
    ["GET", "/foo/bar/baz/buzz:quux", "GET /foo/bar/baz/{name}:quux", ["buzz"]],
    ["POST", "/foo/1/things/2:cancel", "POST /foo/{id}/{kind=things/*}:cancel", ["1", "things/2"]],
    ["GET", "/foo/bar/1/2/3/4", "GET /foo/bar/*/{thing_id}/{cat=**}", ["2", "3/4"]],
    ["GET", "/foo/bar/baz/2/3%2F4/%20", "GET /foo/bar/*/{thing_id}/{cat=**}", ["2", "3%2F4/ "]],
    ["GET", "/foo/bar/1/2", "GET /foo/bar/*/{thing_id}/{cat=**}", ["2", ""]],
    ["GET", "/foo/bar/1/2/3:fetch", "GET /foo/bar/*/{thing_id}/{cat=**}:fetch", ["2", "3"]],
    ["GET", "/shelves/1/books/2", "GET /shelves/{name=*/books/*}", ["1/books/2"]],
    ["GET", "/shelves/1%2f/books/2", "GET /shelves/{name=*/books/*}", ["1%2F/books/2"]],
    ["GET", "/a%2fb", "GET /a%2Fb", []],
    ["PURGE", "/any/1", "* /any/{x}", ["1"]],
  ])("%s %s leads to %s", (method, path, value, captures) => {
    expect(makeRouter().match(method, path)).toEqual({ kind: "found", value, captures });
  });

  it.each([
    ["/tasks/1:wtach", ["1:wtach"]],
    ["/tasks/1:", ["1:"]],
    ["/tasks/1:a:watch", ["1:a:watch"]],
  ])("takes a verb that nothing has as part of the variable: %s", (path, captures) => {
    expect(makeRouter().match("GET", path)).toMatchObject({ value: "GET /tasks/{id}", captures });
  });

  it.each([
    "/",
    "/task",
    "/tasks//",
    "//tasks",
    "/tasks/1/2",
    "/tasks:watch",
    "/monitor/stats:other",
    "/foo",
    "/foo/bar",
    "/shelves/1/pages/2",
    "/a/b",
    "/Tasks",
  ])("finds nothing for %s", (path) => {
    expect(makeRouter().match("GET", path)).toBeUndefined();
  });

  it.each([
    ["PUT", "/tasks", ["GET", "HEAD", "POST"]],
    ["POST", "/tasks/1", ["GET", "HEAD", "DELETE"]],
    ["DELETE", "/tasks/1:watch", ["GET", "HEAD"]],
    ["GET", "/foo/1/things/2:cancel", ["POST"]],
    ["HEAD", "/foo/1/things/2:cancel", ["POST"]],
  ])("says which methods there are instead of %s for %s", (method, path, allow) => {
    expect(makeRouter().match(method, path)).toEqual({ kind: "wrong-method", allow });
  });

  it.each(["/tasks/%", "/tasks/%zz", "/tasks/%C0%80", "/tasks/1:%"])("refuses %s", (path) => {
    expect(() => makeRouter().match("GET", path)).toThrow(URIError);
  });
});

describe("Router.add()", () => {
  it.each(["/tasks/{other}", "/tasks/*"])("refuses %s beside /tasks/{id}", (template) => {
    expect(() => makeRouter().add("GET", parsePathTemplate(template), "")).toThrow(
      'Cannot add route GET "/tasks/*": it is there already',
    );
  });
});
