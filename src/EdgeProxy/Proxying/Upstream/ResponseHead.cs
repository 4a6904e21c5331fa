namespace EdgeProxy.Proxying.Upstream;

/// <summary>What the head of a response says of its body and its connection.</summary>
internal struct ResponseHead
{
    public ResponseHead()
    {
    }

    public int Status { get; set; }

    public bool IsHttp10 { get; set; }

    /// <summary><c>Content-Length</c>; -1: there is none.</summary>
    public long Length { get; set; } = -1;

    public bool IsChunked { get; set; }

    /// <summary>The app closes the connection behind this response.</summary>
    public bool Closes { get; set; }

    /// <summary><c>Connection</c> names further headers, which are meant for the proxy alone.</summary>
    public bool NamesHeaders { get; set; }
}
