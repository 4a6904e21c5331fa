namespace EdgeProxy.Http;

/// <summary>Pages to send in place of the proxy's own error responses. A feature of requests that have some.</summary>
internal interface IErrorPages
{
    /// <param name="context">The request.</param>
    /// <param name="status">Of the error.</param>
    /// <returns>Null: there is none for this status, or none can be read.</returns>
    ErrorPage? Find(HttpContext context, int status);
}

/// <summary>A page as it is sent.</summary>
/// <param name="Status">In place of the status of the error; null: that one.</param>
/// <param name="ChangeHeader">Has the last word on the header; null: nobody has.</param>
internal sealed record ErrorPage(string ContentType, ReadOnlyMemory<byte> Body, int? Status = null, Action<IHeaderDictionary>? ChangeHeader = null);
