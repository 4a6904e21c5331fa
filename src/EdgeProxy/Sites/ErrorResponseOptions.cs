namespace EdgeProxy.Sites;

/// <summary>A response in place of EdgeProxy's own error response.</summary>
internal sealed class ErrorResponseOptions
{
    /// <summary>The status code to send, 200 to 599; null: that of the error.</summary>
    public int? Status { get; set; }

    /// <summary>The text of the body. May have <c>{status}</c> and <c>{status_text}</c> of the error, and the placeholders of <c>Respond:Body</c>. Null or
    /// empty: no body.</summary>
    public string? Body { get; set; }

    /// <summary>A file in place of <see cref="Body"/>, as of <c>ErrorPages</c>: an absolute path, in which <c>{status}</c> is the status code of the error.
    /// Null or empty: none.</summary>
    public string? File { get; set; }

    /// <summary>The value of <c>Content-Type</c>; null: that of the file by its name, <c>application/json</c> for a JSON object or array, else
    /// <c>text/plain; charset=utf-8</c>.</summary>
    public string? ContentType { get; set; }

    /// <summary>Changes of the header, after those of the site and of the route. Values may have <c>{status}</c> and <c>{status_text}</c>, too.</summary>
    public HeaderOptions? Headers { get; set; }
}
