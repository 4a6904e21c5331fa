using EdgeProxy.Proxying;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EdgeProxy.Hosting;

/// <summary>The limits of the public server: our defaults, above them <c>Kestrel:Limits</c>, which Kestrel itself does not read.</summary>
internal static class ServerLimits
{
    /// <summary>What the settings say. A request that is larger is refused by the pipeline.</summary>
    public static RequestLimits Read(IConfiguration configuration, long? maxRequestBodySize)
    {
        var limits = new KestrelServerLimits();
        Bind(limits, configuration, maxRequestBodySize);
        return new RequestLimits(
            limits.MaxRequestLineSize,
            limits.MaxRequestHeaderCount,
            limits.MaxRequestHeadersTotalSize,
            limits.Http2.MaxRequestHeaderFieldSize,
            limits.MaxRequestBodySize ?? (HasRouteLimits(configuration) ? long.MaxValue : null));
    }

    /// <summary>
    /// The same for Kestrel, with its limits on the size of requests raised by as much as the pipeline needs to see those that it refuses. What is larger
    /// than that Kestrel refuses without a body, and an attacker can make it keep no more: the request line and the headers each up to one and a half
    /// times the size that all headers may have. Over HTTP/2 it reads twice that, so that the state of HPACK is kept and only the stream ends; beyond, it
    /// ends the connection (dotnet/aspnetcore#44668).
    /// </summary>
    public static void Apply(KestrelServerLimits limits, IConfiguration configuration, long? maxRequestBodySize)
    {
        Bind(limits, configuration, maxRequestBodySize);
        // Kestrel refuses to start where its buffer is smaller than one of them.
        var buffer = (int)Math.Min(limits.MaxRequestBufferSize ?? int.MaxValue, int.MaxValue);
        var total = Within(limits.MaxRequestHeadersTotalSize, buffer, limits.MaxRequestHeadersTotalSize * 3L / 2);
        // HTTP/2 resets the stream of a longer line: there it is the size of all headers that ends a request, with a response.
        limits.MaxRequestLineSize = Within(limits.MaxRequestLineSize, buffer, Math.Max(total, limits.MaxRequestLineSize * 2L));
        limits.Http2.MaxRequestHeaderFieldSize = Within(limits.Http2.MaxRequestHeaderFieldSize, int.MaxValue, total * 2L); // a longer one ends the connection
        limits.MaxRequestHeadersTotalSize = total;
        limits.MaxRequestHeaderCount = Within(limits.MaxRequestHeaderCount, int.MaxValue, limits.MaxRequestHeaderCount * 2L);
        // LimitedRequestBody's to refuse: Kestrel does not read on after its own 413, and the reset takes the response with it (dotnet/aspnetcore#23840).
        limits.MaxRequestBodySize = null;
    }

    /// <summary>A route may limit what nothing else limits; without any, no request pays for it.</summary>
    private static bool HasRouteLimits(IConfiguration configuration) =>
        ReverseProxySection.RoutesOf(configuration).Any(route => route["MaxRequestBodySize"] is not null);

    private static int Within(int least, int most, long wanted) => (int)Math.Max(least, Math.Min(most, wanted));

    private static void Bind(KestrelServerLimits limits, IConfiguration configuration, long? maxRequestBodySize)
    {
        SetDefaults(limits, maxRequestBodySize);
        // Data rates are values without setters, which the binder passes over.
        var section = configuration.GetSection("Kestrel:Limits");
        section.Bind(limits);
        limits.MinRequestBodyDataRate = RateOf(section.GetSection(nameof(limits.MinRequestBodyDataRate)), limits.MinRequestBodyDataRate!);
        limits.MinResponseDataRate = RateOf(section.GetSection(nameof(limits.MinResponseDataRate)), limits.MinResponseDataRate!);

        static MinDataRate RateOf(IConfigurationSection section, MinDataRate otherwise) => new(
            section.GetValue(nameof(MinDataRate.BytesPerSecond), otherwise.BytesPerSecond),
            section.GetValue(nameof(MinDataRate.GracePeriod), otherwise.GracePeriod));
    }

    /// <summary>Within gunicorn's limits, so that it never rejects what was accepted here; otherwise as tolerant as Caddy.</summary>
    private static void SetDefaults(KestrelServerLimits limits, long? maxRequestBodySize)
    {
        limits.MaxRequestBodySize = maxRequestBodySize;
        limits.MaxRequestLineSize = 4094;  // gunicorn --limit-request-line
        limits.MaxRequestHeaderCount = 90; // gunicorn --limit-request-fields is 100, and the proxy adds up to four
        limits.Http2.MaxRequestHeaderFieldSize = 8190; // gunicorn --limit-request-field_size: name, colon, blank and value
        // 240 bytes/s is Kestrel's own floor; its 5 s of grace cuts phones on bad networks.
        limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(60));
        limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(60));
    }
}
