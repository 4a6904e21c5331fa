namespace EdgeProxy.Proxying;

/// <summary>What a request is called, in the access log, in errors and by the app: the client's own word for it, or one of ours.</summary>
internal static class RequestId
{
    /// <summary>The id is the request's <see cref="HttpContext.TraceIdentifier"/>; the header is made of that where the request is forwarded.</summary>
    public const string Header = "X-Request-ID";

    private const int MaxLength = 128;

    /// <param name="said">By the client; null: nothing.</param>
    public static string Of(string? said) => said is null or { Length: 0 or > MaxLength } ? New() : said;

    /// <summary>
    /// 128 random bits, which need be no secret. A Guid asks the kernel for its own, and Convert's way to write hexadecimal is a slow one where it is
    /// compiled ahead of time, for any processor.
    /// </summary>
    private static string New() => string.Create(32, Random.Shared, static (id, random) =>
    {
        Span<byte> bits = stackalloc byte[16];
        random.NextBytes(bits);
        for (var i = 0; i < bits.Length; i++)
        {
            id[2 * i] = "0123456789abcdef"[bits[i] >> 4];
            id[(2 * i) + 1] = "0123456789abcdef"[bits[i] & 15];
        }
    });
}
