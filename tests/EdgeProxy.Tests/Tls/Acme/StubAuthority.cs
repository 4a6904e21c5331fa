using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace EdgeProxy.Tests.Tls.Acme;

/// <summary>An authority in memory, for what no real one does on demand. It believes every proof and responds at once, unless a test says otherwise.</summary>
/// <param name="time">The clock of its certificates.</param>
/// <param name="host">Where it is.</param>
internal sealed class StubAuthority(TimeProvider time, string host = "ca.test") : HttpMessageHandler
{
    public string Host => host;

    public string DirectoryUrl => $"https://{host}/dir";

    private readonly ConcurrentDictionary<string, Order> _orders = [];
    private int _last;

    public TestAuthority Signer { get; } = new();

    public TimeSpan Lifetime { get; set; } = TimeSpan.FromDays(90);

    /// <summary>RFC 9773; null: it has no opinion.</summary>
    public Func<(DateTimeOffset Start, DateTimeOffset End)>? Window { get; set; }

    /// <summary>Responds instead of the authority; null: the authority does. Gets the kind of the request (<c>new-order</c>, <c>challenge</c>, ...), how often
    /// it came, and its payload.</summary>
    public Func<string, int, JsonNode?, HttpResponseMessage?>? Interfere { get; set; }

    /// <summary>What the client gets instead of the response, after the authority has done its part. May throw. Gets the kind of the request and how often it
    /// came.</summary>
    public Func<string, int, HttpResponseMessage?>? Pervert { get; set; }

    /// <summary>Keeps a request of a kind waiting.</summary>
    public Func<string, Task>? Gate { get; set; }

    /// <summary>What was asked and when, in order.</summary>
    public ConcurrentQueue<(DateTimeOffset At, string Kind, string Path, JsonNode? Payload)> Requests { get; } = [];

    public int Count(string kind) => Requests.Count(request => request.Kind == kind);

    public static HttpResponseMessage Problem(HttpStatusCode status, string type, string detail, TimeSpan? retryAfter = null)
    {
        var response = new HttpResponseMessage(status)
        {
            Content = new StringContent($$"""{"type":"urn:ietf:params:acme:error:{{type}}","detail":"{{detail}}","status":{{(int)status}}}""", new MediaTypeHeaderValue("application/problem+json")),
        };
        response.Headers.RetryAfter = retryAfter is { } wait ? new RetryConditionHeaderValue(wait) : null;
        return response;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var parts = request.RequestUri!.AbsolutePath.Trim('/').Split('/');
        var payload = request.Content is null ? null : await PayloadAsync(request.Content, cancellationToken);
        Requests.Enqueue((time.GetUtcNow(), parts[0], request.RequestUri.AbsolutePath, payload));
        await (Gate?.Invoke(parts[0]) ?? Task.CompletedTask).WaitAsync(cancellationToken);
        var response = Interfere?.Invoke(parts[0], Count(parts[0]), payload) ?? Response(parts, payload);
        response = Pervert?.Invoke(parts[0], Count(parts[0])) ?? response;
        response.Headers.TryAddWithoutValidation("Replay-Nonce", $"nonce{Interlocked.Increment(ref _last)}");
        return response;
    }

    private HttpResponseMessage Response(string[] parts, JsonNode? payload)
    {
        var order = parts.Length > 1 ? _orders.GetValueOrDefault(parts[1]) : null;
        switch (parts[0])
        {
            case "dir":
                return Json(new JsonObject
                {
                    ["newNonce"] = $"https://{host}/new-nonce",
                    ["newAccount"] = $"https://{host}/new-account",
                    ["newOrder"] = $"https://{host}/new-order",
                    ["renewalInfo"] = Window is null ? null : $"https://{host}/renewal-info",
                });
            case "new-nonce":
                return new HttpResponseMessage(HttpStatusCode.OK);
            case "new-account":
            case "account":
                return Json(new JsonObject { ["status"] = "valid" }, $"https://{host}/account/1");
            case "new-order":
                var made = new Order(host, Interlocked.Increment(ref _last).ToString("D", null), payload!["identifiers"]![0]!["value"]!.GetValue<string>());
                _orders[made.Id] = made;
                return Json(made.ToJson(), $"https://{host}/order/{made.Id}");
            case "order":
                return Json(order!.ToJson());
            case "authorization":
                return Json(order!.AuthorizationToJson());
            case "challenge":
                order!.IsProved = true;
                return Json(new JsonObject { ["status"] = "processing" });
            case "finalize":
                var now = time.GetUtcNow();
                order!.Chain = Signer.Sign(Base64Url.DecodeFromChars(payload!["csr"]!.GetValue<string>()), now, now + Lifetime);
                return Json(order.ToJson());
            case "certificate":
                return new HttpResponseMessage(HttpStatusCode.OK)
                {
                    Content = new StringContent(order!.Chain!, new MediaTypeHeaderValue("application/pem-certificate-chain")),
                };
            case "renewal-info":
                var (start, end) = Window!();
                return Json(new JsonObject { ["suggestedWindow"] = new JsonObject { ["start"] = start, ["end"] = end } });
            default:
                return Problem(HttpStatusCode.NotFound, "malformed", "no such place");
        }
    }

    private static HttpResponseMessage Json(JsonObject body, string? location = null)
    {
        var response = new HttpResponseMessage(HttpStatusCode.OK)
        {
            Content = new StringContent(body.ToJsonString(), new MediaTypeHeaderValue("application/json")),
        };
        response.Headers.Location = location is null ? null : new Uri(location);
        return response;
    }

    private static async Task<JsonNode?> PayloadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        Assert.Equal("application/jose+json", content.Headers.ContentType!.ToString());
        var jws = JsonNode.Parse(await content.ReadAsStringAsync(cancellationToken))!;
        var payload = Base64Url.DecodeFromChars(jws["payload"]!.GetValue<string>());
        return payload.Length == 0 ? null : JsonNode.Parse(Encoding.UTF8.GetString(payload));
    }

    private sealed class Order(string host, string id, string domain)
    {
        public string Id => id;

        public bool IsProved { get; set; }

        public string? Chain { get; set; }

        public JsonObject ToJson() => new()
        {
            ["status"] = Chain is not null ? "valid" : IsProved ? "ready" : "pending",
            ["authorizations"] = new JsonArray($"https://{host}/authorization/{id}"),
            ["finalize"] = $"https://{host}/finalize/{id}",
            ["certificate"] = Chain is null ? null : $"https://{host}/certificate/{id}",
        };

        public JsonObject AuthorizationToJson() => new()
        {
            ["status"] = IsProved ? "valid" : "pending",
            ["identifier"] = new JsonObject { ["type"] = "dns", ["value"] = domain },
            ["challenges"] = new JsonArray(Challenge("http-01"), Challenge("tls-alpn-01"), Challenge("dns-01")),
        };

        private JsonObject Challenge(string type) => new()
        {
            ["type"] = type,
            ["url"] = $"https://{host}/challenge/{id}/{type}",
            ["status"] = IsProved ? "valid" : "pending",
            ["token"] = $"token-{id}-{type}",
        };
    }
}
