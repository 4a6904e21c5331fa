using System.Text;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>What the proxy itself does with a header of a response.</summary>
internal enum ResponseHeaderKind
{
    /// <summary>Passes it on.</summary>
    Ordinary,

    /// <summary>Passes it on; .NET keeps it with the content.</summary>
    Content,
    ContentLength,
    TransferEncoding,
    Connection,

    /// <summary>Drops it: it concerns this connection only.</summary>
    HopByHop,
}

/// <summary>A header that responses often have. Its name needs no new string, nor does a value that is the same as in the last response.</summary>
internal sealed class ResponseHeaderName
{
    private const int Buckets = 256;
    private const int LongestKept = 64;

    private static readonly ResponseHeaderName?[] _table = CreateTable();

    private readonly byte[] _bytes;
    private readonly bool _keepsValue;
    private ResponseHeaderName? _next;
    private string _lastValue = ""; // of any response; a race between two costs a string

    private ResponseHeaderName(string name, ResponseHeaderKind kind, bool keepsValue)
    {
        Name = name;
        Kind = kind;
        _keepsValue = keepsValue;
        _bytes = Encoding.ASCII.GetBytes(name);
    }

    public string Name { get; }

    public ResponseHeaderKind Kind { get; }

    /// <summary>Finds a name, in any letter case; null: it is not one of these.</summary>
    public static ResponseHeaderName? Find(ReadOnlySpan<byte> name)
    {
        var header = _table[BucketOf(name)];
        while (header is not null && !Ascii.EqualsIgnoreCase(name, header._bytes))
        {
            header = header._next;
        }

        return header;
    }

    public string ValueOf(ReadOnlySpan<byte> value)
    {
        if (!_keepsValue || value.Length > LongestKept)
        {
            return Encoding.Latin1.GetString(value);
        }

        var last = Volatile.Read(ref _lastValue);
        if (Ascii.Equals(value, last))
        {
            return last;
        }

        var text = Encoding.Latin1.GetString(value);
        Volatile.Write(ref _lastValue, text);
        return text;
    }

    /// <param name="name">Not empty.</param>
    private static int BucketOf(ReadOnlySpan<byte> name) => ((name.Length * 13) + ((name[0] | 0x20) * 7) + ((name[^1] | 0x20) * 3)) & (Buckets - 1);

    private static ResponseHeaderName?[] CreateTable()
    {
        var table = new ResponseHeaderName?[Buckets];
        Add(ResponseHeaderKind.ContentLength, keepsValue: true, "Content-Length");
        Add(ResponseHeaderKind.TransferEncoding, keepsValue: true, "Transfer-Encoding");
        Add(ResponseHeaderKind.Connection, keepsValue: true, "Connection");
        Add(ResponseHeaderKind.HopByHop, keepsValue: true, "Keep-Alive", "Proxy-Connection");
        Add(ResponseHeaderKind.Content, keepsValue: true, "Content-Type", "Content-Encoding", "Content-Language", "Allow", "Expires");
        Add(ResponseHeaderKind.Content, keepsValue: false, "Content-Disposition", "Content-Location", "Content-MD5", "Content-Range", "Last-Modified");
        Add(ResponseHeaderKind.Ordinary, keepsValue: false, "Set-Cookie", "ETag", "Location", "Link", "Age", "X-Request-ID", "Traceparent");
        Add(
            ResponseHeaderKind.Ordinary,
            keepsValue: true,
            "Date",
            "Server",
            "Vary",
            "Cache-Control",
            "Pragma",
            "Accept-Ranges",
            "Upgrade",
            "Trailer",
            "Retry-After",
            "WWW-Authenticate",
            "Strict-Transport-Security",
            "X-Frame-Options",
            "X-Content-Type-Options",
            "Referrer-Policy",
            "Cross-Origin-Opener-Policy",
            "Cross-Origin-Resource-Policy",
            "Content-Security-Policy",
            "Permissions-Policy",
            "Access-Control-Allow-Origin",
            "Access-Control-Allow-Credentials",
            "Access-Control-Allow-Methods",
            "Access-Control-Allow-Headers",
            "Access-Control-Expose-Headers", "X-Powered-By", "X-XSS-Protection");
        return table;

        void Add(ResponseHeaderKind kind, bool keepsValue, params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
            {
                var header = new ResponseHeaderName(name, kind, keepsValue);
                ref var bucket = ref table[BucketOf(header._bytes)];
                header._next = bucket;
                bucket = header;
            }
        }
    }
}
