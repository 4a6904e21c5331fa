namespace EdgeProxy.Sites;

/// <summary>A response in place of EdgeProxy's own error response.</summary>
internal sealed class ErrorResponseOptions
{
    /// <summary>The status code to send, 200 to 599; null: that of the error.</summary>
    public int? Status { get; set; }

    /// <summary>The text of the body. May have <c>{status}</c> and <c>{status_text}</c> of the error, and the placeholders of <c>Respond:Body</c>. Null or
    /// empty: no body.</summary>
    public string? Body { get; set; }

    /// <summary>The value of <c>Content-Type</c>; null: <c>application/json</c> for a JSON object or array, else <c>text/plain; charset=utf-8</c>.</summary>
    public string? ContentType { get; set; }
}
